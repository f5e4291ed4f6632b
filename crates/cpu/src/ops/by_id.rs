//! Columns of a linear op's input that come from small tables. Many rows of a batch look the same few of their rows up,
//! so that products with them are made once for each id instead of once for each row:
//!
//! - forward, `E·W` is prepared ([`crate::prepared`]), and a row of the batch adds the rows of its ids up;
//! - back, a row adds the derivative of its sums to those of its ids, `S`, and once all tiles have passed the gradient of
//!   the weights is `Eᵀ·S`, and that of the table `S·Wᵀ`.
//!
//! Which columns these are follows from the plan alone, so that what is predicted of a row depends on no batch.

use std::ops::Range;

use mmtl_plan::Batch;

use crate::lanes::LANES;
use crate::layout::Tile;
use crate::matrix::{Matrix, MatrixMut, product};
use crate::simd::vectorised;
use crate::tables::{PARTS, Table, Tables};

/// Most rows of a table that are multiplied whether a batch has them or not.
const MOST_ROWS: usize = 128;

/// Fewest outputs of a group: below, adding up is no less work than multiplying.
const FEWEST_OUTPUTS: usize = 16;

/// Rows of a batch that pass one table before they pass the next: their sums stay in the first-level cache, and so do the
/// few rows of the table that they look up.
const ROWS: usize = 128;

/// Tables that a row passes at a time: rows that follow each other often look the same up, and would wait for each
/// other's sums if they had nothing else to add to.
const FEW: usize = 8;

/// Outputs that are added to at a time, as many as fit the registers, and fewer where there are no more.
const WIDE: usize = 64;

/// The columns of a linear op that are multiplied by id.
#[derive(Default)]
pub struct ById {
    /// The tables, in the order of their columns.
    pub tables: Vec<SmallTable>,
    /// The other columns of the input.
    pub others: Vec<Range<usize>>,
    /// Rows of all the tables together.
    pub rows: usize,
    /// Start of `E·W` among the prepared weights, `[groups, rows, out]`.
    pub products: usize,
    /// Start of `S` in the session's scratch, `[groups, rows, out]`.
    pub sums: usize,
}

/// A small table that a field of the schema is looked up in.
pub struct SmallTable {
    /// Index of the field.
    pub field: usize,
    /// Index of the table.
    pub table: usize,
    /// Columns of the input.
    pub columns: Range<usize>,
    /// Rows of all the tables that are the table's own.
    pub rows: Range<usize>,
}

/// Whether columns from a table of so many rows are multiplied by id, for groups of so many outputs.
pub fn pays(rows: usize, outputs: usize) -> bool {
    rows <= MOST_ROWS && outputs >= FEWEST_OUTPUTS
}

impl ById {
    /// `fields` of an input of `wide` columns, as (field, table, its rows, columns) in the order of columns.
    pub fn new(fields: impl IntoIterator<Item = (usize, usize, usize, Range<usize>)>, wide: usize) -> Self {
        let mut by_id = Self::default();
        let mut end = 0;
        for (field, table, rows, columns) in fields {
            let first = by_id.rows;
            by_id.rows += rows;
            if end < columns.start {
                by_id.others.push(end..columns.start);
            }
            end = columns.end;
            by_id.tables.push(SmallTable { field, table, columns, rows: first..by_id.rows });
        }
        if end < wide {
            by_id.others.push(end..wide);
        }
        by_id
    }

    /// Elements of the products of one group with so many outputs, and of their derivatives' sums.
    pub fn group_len(&self, outputs: usize) -> usize {
        self.rows * outputs
    }

    /// `out[r] = Σ_t products[id_t(r)]` for the rows of a tile; `out` begins at a group's first output of `width`.
    pub fn gather(
        &self,
        batch: &Batch,
        tile: &Tile,
        products: &[f32],
        (width, stride): (usize, usize),
        out: &mut [f32],
    ) {
        vectorised!(for column in blocks(width) {
            match column.len() {
                WIDE => self.gather_wide::<WIDE>((batch, tile), products, (width, stride, column.start), out),
                LANES => self.gather_wide::<LANES>((batch, tile), products, (width, stride, column.start), out),
                _ => self.gather_wide::<1>((batch, tile), products, (width, stride, column.start), out),
            }
        });
    }

    /// `sums[id_t(r)] += d[r]` for the rows of a tile and all tables; `d` begins at a group's first output of `width`.
    pub fn scatter(&self, batch: &Batch, tile: &Tile, d: &[f32], (width, stride): (usize, usize), sums: &mut [f32]) {
        vectorised!(for column in blocks(width) {
            match column.len() {
                WIDE => self.scatter_wide::<WIDE>((batch, tile), d, (width, stride, column.start), sums),
                LANES => self.scatter_wide::<LANES>((batch, tile), d, (width, stride, column.start), sums),
                _ => self.scatter_wide::<1>((batch, tile), d, (width, stride, column.start), sums),
            }
        });
    }

    /// Of `N` outputs from `column` on.
    #[inline(always)]
    fn gather_wide<const N: usize>(
        &self,
        of: (&Batch, &Tile),
        products: &[f32],
        (width, stride, column): (usize, usize, usize),
        out: &mut [f32],
    ) {
        self.each_few(of, |first_tables, r, tables, ids| {
            let out = part_mut::<N>(out, r * stride + column);
            let mut sums = if first_tables { [0.0; N] } else { *out };
            for (table, ids) in tables.iter().zip(ids) {
                let x = part::<N>(products, (table.rows.start + ids[r % ROWS] as usize) * width + column);
                for i in 0..N {
                    sums[i] += x[i];
                }
            }
            *out = sums;
        });
    }

    /// Of `N` outputs from `column` on.
    #[inline(always)]
    fn scatter_wide<const N: usize>(
        &self,
        of: (&Batch, &Tile),
        d: &[f32],
        (width, stride, column): (usize, usize, usize),
        sums: &mut [f32],
    ) {
        self.each_few(of, |_, r, tables, ids| {
            let d = *part::<N>(d, r * stride + column);
            for (table, ids) in tables.iter().zip(ids) {
                let sums = part_mut::<N>(sums, (table.rows.start + ids[r % ROWS] as usize) * width + column);
                for i in 0..N {
                    sums[i] += d[i];
                }
            }
        });
    }

    /// `f(whether these tables are the first, row of the tile, a few tables, their ids of every [`ROWS`] rows)`
    #[inline(always)]
    fn each_few(&self, (batch, tile): (&Batch, &Tile), mut f: impl FnMut(bool, usize, &[SmallTable], &[&[u32]])) {
        for first in (0..tile.rows).step_by(ROWS) {
            let end = tile.rows.min(first + ROWS);
            for (number, tables) in self.tables.chunks(FEW).enumerate() {
                let mut ids = [[].as_slice(); FEW];
                for (ids, table) in ids.iter_mut().zip(tables) {
                    *ids = &batch.lookups[table.field].ids[tile.first + first..tile.first + end];
                }
                for r in first..end {
                    f(number == 0, r, tables, &ids);
                }
            }
        }
    }
}

impl SmallTable {
    /// `E·W` for a group's matrix `w`, `[in, width]`.
    pub fn multiply(&self, tables: &Tables, w: &[f32], width: usize, out: &mut [f32]) {
        let w = Matrix::new(&w[self.columns.start * width..self.columns.end * width], self.columns.len(), width, width);
        product(&mut MatrixMut::new(out, self.rows.len(), width, width), false, self.values(tables.of(self.table)), w);
    }

    /// `Eᵀ·S`, the gradient of a group's matrix in the table's columns; `sums` are those of the group.
    pub fn weight_gradient(&self, tables: &Tables, sums: &[f32], width: usize, out: &mut [f32]) {
        let sums = Matrix::new(&sums[self.rows.start * width..self.rows.end * width], self.rows.len(), width, width);
        let values = self.values(tables.of(self.table)).transposed();
        product(&mut MatrixMut::new(out, self.columns.len(), width, width), false, values, sums);
    }

    /// Adds `S·Wᵀ` to the gradient of some consecutive rows of the table, from `first` on; `turned` is the group's matrix
    /// with rows and columns exchanged, `[width, wide]`.
    pub fn add_table_gradient(
        &self,
        first: usize,
        (sums, width): (&[f32], usize),
        (turned, wide): (&[f32], usize),
        out: &mut [f32],
    ) {
        let dim = self.columns.len();
        let rows = out.len() / dim;
        let sums = Matrix::new(&sums[(self.rows.start + first) * width..], rows, width, width);
        product(
            &mut MatrixMut::new(out, rows, dim, dim),
            true,
            sums,
            Matrix::new(&turned[self.columns.start..], width, dim, wide),
        );
    }

    fn values<'a>(&self, table: Table<'a>) -> Matrix<'a> {
        Matrix::new(table.elements, self.rows.len(), table.dim, PARTS * table.dim)
    }
}

/// Cuts the outputs of a group into blocks of widths that are compiled.
#[inline(always)]
fn blocks(width: usize) -> impl Iterator<Item = Range<usize>> {
    let mut end = 0;
    std::iter::from_fn(move || {
        let start = end;
        end += [WIDE, LANES, 1].into_iter().find(|&block| start + block <= width)?;
        Some(start..end)
    })
}

#[inline(always)]
fn part<const N: usize>(values: &[f32], at: usize) -> &[f32; N] {
    values[at..].first_chunk().expect("rows are as wide as their blocks")
}

#[inline(always)]
fn part_mut<const N: usize>(values: &mut [f32], at: usize) -> &mut [f32; N] {
    values[at..].first_chunk_mut().expect("rows are as wide as their blocks")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_multiplied_by_id_or_among_the_others() {
        let by_id = ById::new([(1, 1, 5, 4..8), (2, 2, 3, 8..12), (4, 0, 9, 16..20)], 23);
        assert_eq!(by_id.others, [0..4, 12..16, 20..23]);
        assert_eq!(by_id.tables.iter().map(|table| table.rows.clone()).collect::<Vec<_>>(), [0..5, 5..8, 8..17]);
        assert_eq!((by_id.rows, by_id.group_len(10)), (17, 170));
        let all = ById::new([(0, 0, 2, 0..4)], 4);
        assert!(all.others.is_empty());
        let none = ById::new([], 7);
        assert_eq!((none.others.first(), none.others.len(), none.rows), (Some(&(0..7)), 1, 0));
    }
}
