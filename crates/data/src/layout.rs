//! Where each field of a schema lies in a chunk.

use mmtl_plan::{FieldKind, Schema};

/// Where one field's values are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// The row's scene.
    Scene,
    /// A column of [`crate::chunk::Chunk::ids`].
    Ids(usize),
    /// A column of [`crate::chunk::Chunk::numeric`].
    Numeric(usize),
    /// An entry of [`crate::chunk::Chunk::tokens`].
    Tokens(usize),
}

/// The places of all fields.
#[derive(Clone, Debug)]
pub(crate) struct Layout {
    /// In the order of the schema's fields.
    pub places: Vec<Place>,
    /// The field of each id column.
    pub id_fields: Vec<usize>,
    /// The field of each entry of tokens.
    pub token_fields: Vec<usize>,
    /// Number of numeric columns.
    pub numeric: usize,
    /// Number of label columns.
    pub tasks: usize,
}

impl Layout {
    pub(crate) fn of(schema: &Schema) -> Self {
        let (mut id_fields, mut token_fields, mut numeric) = (vec![], vec![], 0);
        let place = |(f, field): (usize, &mmtl_plan::Field)| match field.kind {
            FieldKind::Categorical { .. } if f == schema.scene_field => Place::Scene,
            FieldKind::Categorical { .. } => {
                id_fields.push(f);
                Place::Ids(id_fields.len() - 1)
            }
            FieldKind::Tokens { .. } => {
                token_fields.push(f);
                Place::Tokens(token_fields.len() - 1)
            }
            FieldKind::Numeric => {
                numeric += 1;
                Place::Numeric(numeric - 1)
            }
        };
        let places = schema.fields.iter().enumerate().map(place).collect();
        Self { places, id_fields, token_fields, numeric, tasks: schema.tasks.len() }
    }
}
