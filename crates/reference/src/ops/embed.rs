//! Table rows and numeric columns side by side.

use mmtl_plan::{Batch, Embed, FieldKind, Op, Plan, Pool, Source};

use crate::ops::linear::Kept;
use crate::real::Real;
use crate::scope::{Gradients, Scope};

pub(crate) fn forward<T: Real>(op: &Embed, scope: &Scope<T>) -> Vec<T> {
    let mut out = scope.zeros(op.out);
    let kept = Kept::of(op.dropout.as_ref(), scope);
    let numeric_columns = scope.plan.schema.numeric_columns();
    for row in 0..scope.rows() {
        for (number, column) in op.columns.iter().enumerate() {
            let start = scope.span(op.out, row, 0).start + column.offset;
            let into = &mut out[start..start + column.width];
            match column.source {
                Source::Numeric { column } => {
                    into[0] = T::of(f64::from(scope.batch.numeric[row * numeric_columns + column]));
                }
                Source::Table { table, pool } => {
                    let ids = scope.batch.lookups[column.field].row(row);
                    for &id in ids {
                        for (j, x) in into.iter_mut().enumerate() {
                            *x += scope.parameters.tables[table.0][id as usize * column.width + j];
                        }
                    }
                    let share = share(scope.plan, column.field, pool, ids.len());
                    for (j, x) in into.iter_mut().enumerate() {
                        *x = *x * share * kept.factor(row, number, j, column.width);
                    }
                }
            }
        }
    }
    out
}

pub(crate) fn backward<T: Real>(op: &Embed, scope: &Scope<T>, out: &[T], into: &mut Gradients<T>) {
    let kept = Kept::of(op.dropout.as_ref(), scope);
    for row in 0..scope.rows() {
        for (number, column) in op.columns.iter().enumerate() {
            let Source::Table { table, pool } = column.source else { continue };
            let start = scope.span(op.out, row, 0).start + column.offset;
            let ids = scope.batch.lookups[column.field].row(row);
            let share = share::<T>(scope.plan, column.field, pool, ids.len());
            for &id in ids {
                for j in 0..column.width {
                    let factor = share * kept.factor(row, number, j, column.width);
                    into.parameters.tables[table.0][id as usize * column.width + j] += factor * out[start + j];
                }
            }
        }
    }
}

/// What each of a row's `ids` ids counts.
fn share<T: Real>(plan: &Plan, field: usize, pool: Pool, ids: usize) -> T {
    match (plan.schema.fields[field].kind, pool) {
        (FieldKind::Tokens { .. }, Pool::Mean) if ids > 0 => T::ONE / T::of(ids as f64),
        (FieldKind::Tokens { .. } | FieldKind::Categorical { .. } | FieldKind::Numeric, Pool::Mean | Pool::Sum) => {
            T::ONE
        }
    }
}

/// The rows of each table that a batch looks up through one of the table's own columns, sorted.
pub fn touched_rows(plan: &Plan, batch: &Batch) -> Vec<Vec<u32>> {
    let mut touched = vec![vec![]; plan.tables.len()];
    for op in &plan.ops {
        let Op::Embed(embed) = op else { continue };
        for column in &embed.columns {
            if let Source::Table { table, .. } = column.source {
                touched[table.0].extend_from_slice(&batch.lookups[column.field].ids);
            }
        }
    }
    for rows in &mut touched {
        rows.sort_unstable();
        rows.dedup();
    }
    touched
}
