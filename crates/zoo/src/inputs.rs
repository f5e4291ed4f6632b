//! The input of every architecture: all fields side by side, embedded by one table a vocabulary.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use mmtl_plan::{PlanBuilder, PlanError, SlotId, TableId};

use crate::model::Model;

/// The embedding tables made so far, by vocabulary: fields that share a vocabulary share rows.
#[derive(Default)]
pub(crate) struct Embedding {
    tables: BTreeMap<usize, TableId>,
}

impl Embedding {
    /// Every field of the schema, in its order; the scene's only when `scene_feature` asks for it.
    pub fn inputs(&mut self, builder: &mut PlanBuilder, model: &Model) -> Result<SlotId, PlanError> {
        let schema = builder.schema();
        let enters = |field: &usize| model.scene_feature || *field != schema.scene_field;
        let fields: Vec<usize> = (0..schema.fields.len()).filter(enters).collect();
        self.look_up("inputs", &fields, builder, model)
    }

    /// The row's scene alone, for nets that see it whatever `scene_feature` says.
    pub fn scene(&mut self, builder: &mut PlanBuilder, model: &Model) -> Result<SlotId, PlanError> {
        let field = builder.schema().scene_field;
        self.look_up("scene", &[field], builder, model)
    }

    fn look_up(
        &mut self,
        name: &str,
        fields: &[usize],
        builder: &mut PlanBuilder,
        model: &Model,
    ) -> Result<SlotId, PlanError> {
        let vocabulary_of = |&field: &usize| builder.schema().fields[field].kind.vocabulary();
        let vocabularies: BTreeSet<usize> = fields.iter().filter_map(vocabulary_of).collect();
        for vocabulary in vocabularies {
            if let Entry::Vacant(missing) = self.tables.entry(vocabulary) {
                let table = format!("embedding/{}", builder.schema().vocabularies[vocabulary].name);
                missing.insert(builder.table(&table, vocabulary, model.embedding_dim, model.embedding_init)?);
            }
        }
        let table_of = |vocabulary| self.tables[&vocabulary];
        builder.embed_dropping(name, fields, model.pool, model.embedding_dropout, table_of)
    }
}

/// [`Embedding::inputs`] for nets that look up nothing else.
pub(crate) fn inputs(builder: &mut PlanBuilder, model: &Model) -> Result<SlotId, PlanError> {
    Embedding::default().inputs(builder, model)
}
