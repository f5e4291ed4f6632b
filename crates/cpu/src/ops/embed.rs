//! Lookups: rows of tables, pooled where a field has several ids, and numeric columns.

use mmtl_plan::{Lookup, Pool};

use crate::lanes::add_scaled;
use crate::layout::{Place, Tile};
use crate::ops::dropout::{DropoutNode, each_derivative};
use crate::pass::Forward;
use crate::simd::{prefetch, vectorised};
use crate::tables::{PARTS, Table, VALUES};

/// A compiled [`mmtl_plan::Embed`].
pub struct EmbedNode {
    /// Slot written.
    pub out: Place,
    /// Where its derivative outlives the pass of a tile.
    pub kept: Place,
    /// What lies where.
    pub columns: Vec<Column>,
    /// Width of [`mmtl_plan::Batch::numeric`].
    pub numeric_columns: usize,
    /// Of what comes from tables, with a stream for each column.
    pub dropout: Option<DropoutNode>,
}

/// One field's place.
pub struct Column {
    /// First element.
    pub offset: usize,
    /// Number of elements.
    pub width: usize,
    /// Index of the field in the schema.
    pub field: usize,
    /// Where the values come from.
    pub source: Source,
}

/// Where a [`Column`]'s values come from.
pub enum Source {
    /// Rows of a table.
    Table {
        /// Index of the table.
        table: usize,
        /// How several ids become one vector.
        pool: Pool,
    },
    /// A column of [`mmtl_plan::Batch::numeric`].
    Numeric {
        /// Which one.
        column: usize,
    },
}

/// Rows between one that is asked for and the one that is copied.
const AHEAD: usize = 16;

impl EmbedNode {
    /// Fills the slot column by column.
    pub fn forward(&self, pass: &Forward<'_>, tile: &Tile, values: &mut [f32]) {
        let out = self.out.of_mut(tile, values);
        let stride = self.out.stride();
        for (number, column) in self.columns.iter().enumerate() {
            match column.source {
                Source::Numeric { column: numeric } => {
                    let from = pass.batch.numeric[numeric..].iter().step_by(self.numeric_columns).skip(tile.first);
                    for (row, &value) in out.chunks_exact_mut(stride).zip(from) {
                        row[column.offset] = value;
                    }
                }
                Source::Table { table, pool } => {
                    let table = pass.tables.of(table);
                    let lookup = &pass.batch.lookups[column.field];
                    let from = &mut out[column.offset..];
                    if lookup.starts.is_none() {
                        let ids = &lookup.ids[tile.first..tile.first + tile.rows];
                        gather(from, stride, table, ids);
                    } else {
                        pool_bags(from, stride, tile, table, lookup, pool);
                    }
                    if let (Some(dropout), Some(step)) = (&self.dropout, pass.training) {
                        vectorised!(dropout.forward(step, tile, number, (stride, column.offset, table.dim), out));
                    }
                }
            }
        }
    }

    /// Passes the derivatives back through dropout.
    pub fn backward(&self, tile: &Tile, values: &[f32], grads: &mut [f32]) {
        let Some(dropout) = &self.dropout else { return };
        let (values, grads) = (self.out.of(tile, values), self.out.of_mut(tile, grads));
        for column in self.columns.iter().filter(|column| matches!(column.source, Source::Table { .. })) {
            let place = (self.out.stride(), column.offset, column.width);
            vectorised!(each_derivative(values, grads, place, Some(dropout.scale), |_, d| d));
        }
    }
}

/// Copies row `ids[r]` of a table to `out[r * stride..]`. The usual widths are compiled, since a call of `memcpy` for
/// 32 bytes costs more than the copy.
fn gather(out: &mut [f32], stride: usize, table: Table<'_>, ids: &[u32]) {
    match table.dim {
        4 => gather_wide::<4>(out, stride, table.elements, ids),
        8 => gather_wide::<8>(out, stride, table.elements, ids),
        16 => gather_wide::<16>(out, stride, table.elements, ids),
        32 => gather_wide::<32>(out, stride, table.elements, ids),
        _ => {
            for (r, &id) in ids.iter().enumerate() {
                out[r * stride..][..table.dim].copy_from_slice(table.row(id));
            }
        }
    }
}

fn gather_wide<const DIM: usize>(out: &mut [f32], stride: usize, table: &[f32], ids: &[u32]) {
    let rows = table.as_chunks::<DIM>().0.as_chunks::<PARTS>().0;
    for (r, &id) in ids.iter().enumerate() {
        if let Some(&soon) = ids.get(r + AHEAD) {
            prefetch(table, soon as usize * PARTS * DIM);
        }
        out[r * stride..][..DIM].copy_from_slice(&rows[id as usize][VALUES]);
    }
}

fn pool_bags(out: &mut [f32], stride: usize, tile: &Tile, table: Table<'_>, lookup: &Lookup, pool: Pool) {
    vectorised!({
        for r in 0..tile.rows {
            let out = &mut out[r * stride..][..table.dim];
            let ids = lookup.row(tile.first + r);
            out.fill(0.0);
            for &id in ids {
                add_scaled(out, 1.0, table.row(id));
            }
            let scale = share(pool, ids.len());
            for x in out {
                *x *= scale;
            }
        }
    });
}

/// The weight of one of `ids` ids in a pooled vector.
#[inline(always)]
pub fn share(pool: Pool, ids: usize) -> f32 {
    match pool {
        Pool::Sum => 1.0,
        Pool::Mean => 1.0 / ids.max(1) as f32,
    }
}
