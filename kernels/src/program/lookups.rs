//! Lookups, and what gradients of tables are gathered from.

use mmtl_plan::{Embed, Op, Pool, Source};

use crate::jobs::List;
use crate::ops::embed;
use crate::program::compiler::{Compiler, joined};
use crate::tables::{TABLE, USE};

impl Compiler<'_> {
    pub(super) fn embeds(&mut self, ops: &[(usize, &Op)]) -> List {
        let mut jobs = vec![];
        let (mut columns, mut drops) = (0, false);
        for (_, op) in ops {
            let Op::Embed(Embed { out, columns: parts, dropout, .. }) = op else { continue };
            let place = self.slots.whole(*out);
            drops |= dropout.is_some();
            for (number, part) in parts.iter().enumerate() {
                let to = [place.at + part.offset as u32, place.stride, part.width as u32];
                columns = columns.max(part.width as u32);
                let dropout = dropout.as_ref();
                let (source, dropout) = match part.source {
                    Source::Numeric { column } => {
                        let columns = self.plan.schema.numeric_columns() as u32;
                        ([embed::NUMERIC, column as u32, columns], [0; 4])
                    }
                    Source::Table { table, pool } => {
                        let kind = match pool {
                            Pool::Sum => embed::SUM,
                            Pool::Mean => embed::MEAN,
                        };
                        let source = [kind, self.table_at[table.0] as u32, self.header.field(part.field)];
                        (source, self.dropout(dropout, number))
                    }
                };
                jobs.push(joined::<{ embed::FORWARD }>(&[&to, &source, &dropout]));
            }
        }
        List { drops, ..self.jobs.list(&jobs, columns) }
    }

    /// Words of all tables, and which fields are looked up in which.
    pub(super) fn tables(&mut self) -> (u32, Vec<Vec<bool>>) {
        let (plan, fields) = (self.plan, self.plan.schema.fields.len());
        let mut uses: Vec<Vec<Vec<[u32; USE]>>> = vec![vec![vec![]; fields]; plan.tables.len()];
        for op in &plan.ops {
            let Op::Embed(op) = op else { continue };
            let place = self.slots.whole(op.out);
            for (number, column) in op.columns.iter().enumerate() {
                if let Source::Table { table, pool } = column.source {
                    let mean = u32::from(pool == Pool::Mean);
                    let at = place.at + column.offset as u32;
                    let [low, high, threshold, scale] = self.dropout(op.dropout.as_ref(), number);
                    let field = self.header.field(column.field);
                    let words = [at, place.stride, mean, field, low, high, threshold, scale];
                    uses[table.0][column.field].push(words);
                }
            }
        }
        let mut words: Vec<[u32; TABLE]> = vec![];
        for (spec, uses) in plan.tables.iter().zip(&uses) {
            let mut of_fields = vec![];
            for uses in uses {
                of_fields.extend([self.jobs.push(uses.iter().flatten().copied()), uses.len() as u32]);
            }
            words.push([spec.dim as u32, self.jobs.push(of_fields)]);
        }
        let reads = uses.iter().map(|fields| fields.iter().map(|uses| !uses.is_empty()).collect()).collect();
        (self.jobs.push(words.into_iter().flatten()), reads)
    }
}
