//! How large a batch of a data set can become, so that its buffers are made once.

use mmtl_plan::{Batch, FieldKind, Schema};

use crate::chunk::{Chunk, Tokens};
use crate::layout::{Layout, Place};

/// The most ids that a row has. Those of token fields are counted and not taken from the schema, whose bound may be far
/// above every row.
#[derive(Debug)]
pub(crate) struct Room {
    /// In each token field, in the order of the schema's fields; 0 for others.
    tokens: Vec<usize>,
    /// In all fields of each vocabulary.
    uses: Vec<usize>,
}

impl Room {
    /// Of the rows of all `chunks`.
    pub(crate) fn of(schema: &Schema, layout: &Layout, chunks: &[Chunk]) -> Self {
        let longest = |column: usize| chunks.iter().map(|chunk| chunk.tokens[column].longest()).max().unwrap_or(0);
        let tokens: Vec<usize> = (layout.places.iter())
            .map(|place| match place {
                Place::Tokens(column) => longest(*column),
                Place::Scene | Place::Ids(_) | Place::Numeric(_) => 0,
            })
            .collect();
        let mut uses = vec![0; schema.vocabularies.len()];
        for (field, tokens) in schema.fields.iter().zip(&tokens) {
            match field.kind {
                FieldKind::Categorical { vocabulary } => uses[vocabulary] += 1,
                FieldKind::Tokens { vocabulary, .. } => uses[vocabulary] += tokens,
                FieldKind::Numeric => {}
            }
        }
        Self { tokens, uses }
    }

    /// Makes room in `batch`, whose ids of token fields are cleared, for the tokens of any `rows` rows.
    pub(crate) fn make_tokens(&self, rows: usize, batch: &mut Batch) {
        for (lookup, tokens) in batch.lookups.iter_mut().zip(&self.tokens).filter(|(_, tokens)| **tokens > 0) {
            lookup.ids.reserve_exact(rows * tokens);
        }
    }

    /// Makes room in `batch` for the segments of any `rows` rows.
    pub(crate) fn make_segments(&self, schema: &Schema, rows: usize, batch: &mut Batch) {
        for ((segments, uses), vocabulary) in batch.segments.iter_mut().zip(&self.uses).zip(&schema.vocabularies) {
            segments.reserve(rows * uses, vocabulary.size);
        }
    }
}

impl Tokens {
    /// Ids of the row that has most.
    fn longest(&self) -> usize {
        self.starts.windows(2).map(|bounds| (bounds[1] - bounds[0]) as usize).max().unwrap_or(0)
    }
}
