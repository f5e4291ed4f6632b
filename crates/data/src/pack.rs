//! From columns to chunks.

use std::ops::Range;

use arrow_buffer::{BooleanBuffer, ScalarBuffer};
use mmtl_plan::TaskKind;

use crate::base::BaseSums;
use crate::chunk::{CHUNK_ROWS, Chunk, Tokens};
use crate::columns::{Columns, FieldColumn};
use crate::dataset::Dataset;
use crate::error::DataError;
use crate::fingerprint::Fingerprint;
use crate::label_rules::LabelRules;
use crate::layout::Layout;
use crate::manifest::Manifest;
use crate::part::Part;

impl Dataset {
    /// A data set of columns in memory. Target scales are fitted on train rows; any part may be empty. Its
    /// fingerprint is that of the columns.
    ///
    /// # Errors
    /// When columns differ in length, ids lie outside their vocabulary, a label is not of its task's kind, row ids
    /// repeat, or tasks follow from each other in a circle.
    pub fn from_columns(mut columns: Columns) -> Result<Self, DataError> {
        columns.check()?;
        columns.settle_labels(&LabelRules::of(&columns.schema)?);
        let mut bases = vec![];
        for t in 0..columns.schema.tasks.len() {
            let mut sums = BaseSums::new(columns.schema.tasks[t].kind);
            let known = columns.labels[t].iter().enumerate().filter(|(_, label)| !label.is_nan());
            let of_train = known.filter(|(row, _)| columns.parts[*row] == Part::Train);
            of_train.for_each(|(row, label)| sums.add(*label, columns.weights.get(row).copied().unwrap_or(1.0)));
            bases.push(sums.base());
            if let TaskKind::Regression { scale } = &mut columns.schema.tasks[t].kind {
                *scale = bases[t].scale();
            }
        }
        let rows = columns.rows();
        let bounds = (0..rows.div_ceil(CHUNK_ROWS)).map(|c| c * CHUNK_ROWS..((c + 1) * CHUNK_ROWS).min(rows));
        let chunks: Vec<Chunk> = bounds.map(|range| pack(&columns, range)).collect();
        let mut fingerprint = Fingerprint::new("columns");
        fingerprint.text("schema", &serde_json::to_string(&columns.schema).unwrap_or_default());
        for chunk in &chunks {
            fingerprint.chunk(chunk);
        }
        let manifest = Manifest {
            fingerprint: fingerprint.hex(),
            missing: vec![[0; 3]; columns.schema.fields.len()],
            weighted: !columns.weights.is_empty(),
            grouped: !columns.groups.is_empty(),
            slices: columns.slices.into_iter().map(|(name, _)| name).collect(),
            schema: columns.schema,
            bases,
        };
        Ok(Self::from_chunks(manifest, chunks))
    }
}

impl Columns {
    /// Fills in labels that follow from others.
    pub(crate) fn settle_labels(&mut self, rules: &LabelRules) {
        if rules.is_empty() {
            return;
        }
        let rows = self.rows();
        self.labels.iter_mut().for_each(|labels| labels.resize(rows, f64::NAN));
        let mut of_row = vec![f64::NAN; self.labels.len()];
        for row in 0..rows {
            of_row.iter_mut().zip(&self.labels).for_each(|(label, column)| *label = column[row]);
            rules.settle(&mut of_row);
            of_row.iter().zip(&mut self.labels).for_each(|(label, column)| column[row] = *label);
        }
    }
}

/// The rows `range` of `columns`, which must have been checked and settled.
pub(crate) fn pack(columns: &Columns, range: Range<usize>) -> Chunk {
    let layout = Layout::of(&columns.schema);
    let ids = layout.id_fields.iter().map(|&f| match &columns.fields[f] {
        FieldColumn::Ids(ids) => ids.as_slice(),
        FieldColumn::Tokens { .. } | FieldColumn::Numeric(_) | FieldColumn::Scene => &[],
    });
    let numeric = columns.fields.iter().filter_map(|column| match column {
        FieldColumn::Numeric(values) => Some(values.as_slice()),
        FieldColumn::Tokens { .. } | FieldColumn::Ids(_) | FieldColumn::Scene => None,
    });
    let tokens = columns.fields.iter().filter_map(|column| match column {
        FieldColumn::Tokens { ids, starts } => Some(pack_tokens(ids, starts, range.clone())),
        FieldColumn::Numeric(_) | FieldColumn::Ids(_) | FieldColumn::Scene => None,
    });
    let slices = columns.slices.iter().map(|(_, members)| BooleanBuffer::from(members[range.clone()].to_vec()));
    Chunk {
        row_ids: columns.row_ids[range.clone()].to_vec().into(),
        parts: columns.parts[range.clone()].iter().map(|part| part.code()).collect::<Vec<_>>().into(),
        scenes: columns.scenes[range.clone()].to_vec().into(),
        ids: row_major(&ids.collect::<Vec<_>>(), range.clone()),
        numeric: row_major(&numeric.collect::<Vec<_>>(), range.clone()),
        tokens: tokens.collect(),
        labels: row_major(&columns.labels.iter().map(Vec::as_slice).collect::<Vec<_>>(), range.clone()),
        weights: (!columns.weights.is_empty()).then(|| columns.weights[range.clone()].to_vec().into()),
        groups: (!columns.groups.is_empty()).then(|| columns.groups[range.clone()].to_vec().into()),
        slices: slices.collect(),
    }
}

fn row_major<T: Copy + arrow_buffer::ArrowNativeType>(columns: &[&[T]], range: Range<usize>) -> ScalarBuffer<T> {
    let mut values = Vec::with_capacity(columns.len() * range.len());
    for row in range {
        values.extend(columns.iter().map(|column| column[row]));
    }
    values.into()
}

fn pack_tokens(ids: &[u32], starts: &[u32], range: Range<usize>) -> Tokens {
    let bounds = &starts[range.start..=range.end];
    let (first, last) = (bounds[0], bounds[range.len()]);
    Tokens {
        ids: ids[first as usize..last as usize].to_vec().into(),
        starts: bounds.iter().map(|&start| (start - first).cast_signed()).collect::<Vec<_>>().into(),
    }
}
