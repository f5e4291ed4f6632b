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

/// Most rows of a table.
const MOST_ROWS: usize = 128;

/// Narrowest embedding: to add a product up takes about as long as to multiply two numbers.
const NARROWEST: usize = 4;

/// Fewest outputs of a group: a vector.
const FEWEST_OUTPUTS: usize = LANES;

/// Most products of an op: 16 MiB, and as much for the sums of derivatives.
const MOST_PRODUCTS: usize = 1 << 22;

/// Tables that the rows of a tile pass before they pass the next, whose rows stay in the first-level cache meanwhile. More
/// than one: rows that follow each other often look the same up, and would wait for each other's sums if they had
/// nothing else to add to.
pub const FEW: usize = 8;

/// Widths that loops are compiled for: what fits the registers, vectors, and what is left over.
const WIDTHS: [usize; 5] = [64, LANES, 8, 4, 1];

/// An expression for a width of [`WIDTHS`] as a constant.
macro_rules! with_width {
    ($width:expr, $N:ident => $body:expr) => {
        match $width {
            64 => with_width!(@ 64, $N => $body),
            16 => with_width!(@ 16, $N => $body),
            8 => with_width!(@ 8, $N => $body),
            4 => with_width!(@ 4, $N => $body),
            _ => with_width!(@ 1, $N => $body),
        }
    };
    (@ $width:literal, $N:ident => $body:expr) => {{
        const $N: usize = $width;
        $body
    }};
}

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

/// Whether columns from a table of `rows` rows of `dim` elements are multiplied by id, for groups of so many outputs.
pub fn pays(rows: usize, dim: usize, outputs: usize) -> bool {
    rows <= MOST_ROWS && dim >= NARROWEST && outputs >= FEWEST_OUTPUTS
}

impl ById {
    /// `fields` of an input of `wide` columns, as (field, table, its rows, columns) in the order of columns: as many as have
    /// room for their products with `outputs` outputs of all groups.
    pub fn new(
        fields: impl IntoIterator<Item = (usize, usize, usize, Range<usize>)>,
        wide: usize,
        outputs: usize,
    ) -> Self {
        let mut by_id = Self::default();
        let mut end = 0;
        for (field, table, rows, columns) in fields {
            let first = by_id.rows;
            if (first + rows).saturating_mul(outputs) > MOST_PRODUCTS {
                continue;
            }
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
        for (number, tables) in self.tables.chunks(FEW).enumerate() {
            let few = Few::of(tables, batch, tile);
            vectorised!(for outputs in blocks(width) {
                let place = (width, stride, outputs.start);
                with_width!(outputs.len(), N => few.gather::<N>(products, place, number > 0, out));
            });
        }
    }

    /// `sums[id_t(r)] += d[r]` for the rows of a tile and at most [`FEW`] of the tables, whose rows alone `sums` has; `d`
    /// begins at a group's first output of `width`.
    pub fn scatter(
        &self,
        tables: Range<usize>,
        (batch, tile): (&Batch, &Tile),
        d: &[f32],
        (width, stride): (usize, usize),
        sums: &mut [f32],
    ) {
        let few = Few::of(&self.tables[tables], batch, tile);
        vectorised!(for outputs in blocks(width) {
            let place = (width, stride, outputs.start);
            with_width!(outputs.len(), N => few.scatter::<N>(d, place, sums));
        });
    }
}

/// A few tables and what the rows of a tile look up in them.
struct Few<'a> {
    tables: &'a [SmallTable],
    ids: [&'a [u32]; FEW],
    rows: usize,
}

impl<'a> Few<'a> {
    fn of(tables: &'a [SmallTable], batch: &'a Batch, tile: &Tile) -> Self {
        let mut ids = [[].as_slice(); FEW];
        for (ids, table) in ids.iter_mut().zip(tables) {
            *ids = &batch.lookups[table.field].ids[tile.first..tile.first + tile.rows];
        }
        Self { tables, ids, rows: tile.rows }
    }

    /// The row that each table has for row `r` of the tile, from that of all tables on which has number `first`.
    #[inline(always)]
    fn looked_up(&self, r: usize, first: usize) -> impl Iterator<Item = usize> {
        self.tables.iter().zip(self.ids).map(move |(table, ids)| table.rows.start - first + ids[r] as usize)
    }

    /// Of `N` outputs from `column` on.
    #[inline(always)]
    fn gather<const N: usize>(
        &self,
        products: &[f32],
        (width, stride, column): (usize, usize, usize),
        accumulate: bool,
        out: &mut [f32],
    ) {
        for r in 0..self.rows {
            let out = part_mut::<N>(out, r * stride + column);
            let mut sums = if accumulate { *out } else { [0.0; N] };
            for row in self.looked_up(r, 0) {
                let x = part::<N>(products, row * width + column);
                for i in 0..N {
                    sums[i] += x[i];
                }
            }
            *out = sums;
        }
    }

    /// Of `N` outputs from `column` on.
    #[inline(always)]
    fn scatter<const N: usize>(&self, d: &[f32], (width, stride, column): (usize, usize, usize), sums: &mut [f32]) {
        let first = self.tables.first().map_or(0, |table| table.rows.start);
        for r in 0..self.rows {
            let d = *part::<N>(d, r * stride + column);
            for row in self.looked_up(r, first) {
                let sums = part_mut::<N>(sums, row * width + column);
                for i in 0..N {
                    sums[i] += d[i];
                }
            }
        }
    }
}

impl SmallTable {
    /// `E·W` for a group's matrix `w`, `[in, width]`, of the rows `ids`, ascending, or of all.
    pub fn multiply(&self, tables: &Tables, ids: Option<&[u32]>, w: &[f32], width: usize, out: &mut [f32]) {
        let w = Matrix::new(&w[self.columns.start * width..self.columns.end * width], self.columns.len(), width, width);
        self.each_run(ids, |run| {
            let values = values(tables.of(self.table), &run);
            let out = &mut out[run.start * width..run.end * width];
            product(&mut MatrixMut::new(out, run.len(), width, width), false, values, w);
        });
    }

    /// `Eᵀ·S`, the gradient of a group's matrix in the table's columns, over the rows `ids`, ascending; `sums` are those of
    /// the group.
    pub fn weight_gradient(&self, tables: &Tables, ids: &[u32], sums: &[f32], width: usize, out: &mut [f32]) {
        let sums = &sums[self.rows.start * width..self.rows.end * width];
        let out = &mut MatrixMut::new(out, self.columns.len(), width, width);
        if ids.is_empty() {
            out.fill(0.0);
        }
        let mut accumulate = false;
        self.each_run(Some(ids), |run| {
            let sums = Matrix::new(&sums[run.start * width..run.end * width], run.len(), width, width);
            product(out, accumulate, values(tables.of(self.table), &run).transposed(), sums);
            accumulate = true;
        });
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

    /// `f(rows)` for rows `ids` of the table that follow each other, or for all.
    fn each_run(&self, ids: Option<&[u32]>, mut f: impl FnMut(Range<usize>)) {
        let Some(ids) = ids else { return f(0..self.rows.len()) };
        for run in ids.chunk_by(|id, next| id + 1 == *next) {
            f(run[0] as usize..run[0] as usize + run.len());
        }
    }
}

/// Some rows of a table.
fn values<'a>(table: Table<'a>, rows: &Range<usize>) -> Matrix<'a> {
    let stride = PARTS * table.dim;
    Matrix::new(&table.elements[rows.start * stride..], rows.len(), table.dim, stride)
}

/// Cuts the outputs of a group into blocks of [`WIDTHS`].
#[inline(always)]
fn blocks(width: usize) -> impl Iterator<Item = Range<usize>> {
    let mut end = 0;
    std::iter::from_fn(move || {
        let start = end;
        end += WIDTHS.into_iter().find(|&block| start + block <= width)?;
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
        let by_id = ById::new([(1, 1, 5, 4..8), (2, 2, 3, 8..12), (4, 0, 9, 16..20)], 23, 10);
        assert_eq!(by_id.others, [0..4, 12..16, 20..23]);
        assert_eq!(by_id.tables.iter().map(|table| table.rows.clone()).collect::<Vec<_>>(), [0..5, 5..8, 8..17]);
        assert_eq!((by_id.rows, by_id.group_len(10)), (17, 170));
        let all = ById::new([(0, 0, 2, 0..4)], 4, 10);
        assert!(all.others.is_empty());
        let none = ById::new([], 7, 10);
        assert_eq!((none.others.first(), none.others.len(), none.rows), (Some(&(0..7)), 1, 0));
    }

    #[test]
    fn products_that_take_too_much_memory_are_left_out() {
        let fields = [(0, 0, 100, 0..4), (1, 1, 100, 4..8), (2, 2, 10, 8..12)];
        let by_id = ById::new(fields, 12, MOST_PRODUCTS / 110);
        assert_eq!(by_id.tables.iter().map(|table| table.field).collect::<Vec<_>>(), [0, 2]);
        assert_eq!((by_id.others.first(), by_id.others.len(), by_id.rows), (Some(&(4..8)), 1, 110));
    }

    #[test]
    fn blocks_cover_every_output_once() {
        for width in [16, 64, 83, 95, 128, 300] {
            let covered: Vec<usize> = blocks(width).flatten().collect();
            assert_eq!(covered, (0..width).collect::<Vec<_>>());
            assert!(blocks(width).all(|block| WIDTHS.contains(&block.len())));
        }
    }
}
