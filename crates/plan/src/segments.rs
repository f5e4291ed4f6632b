//! Where in a batch each id of a vocabulary occurs, so that an embedding's gradient is a sum over contiguous
//! segments in a fixed order: deterministic on any number of threads and without atomics.

use crate::batch::Lookup;

/// One use of an id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct Occurrence {
    /// Index of the field in the schema.
    pub field: u32,
    /// Row of the batch.
    pub row: u32,
}

/// The sorted unique ids of one vocabulary in a batch, each with its occurrences ordered by (field, row, position).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Segments {
    /// Sorted unique ids.
    pub unique: Vec<u32>,
    /// `unique.len() + 1` bounds: id `unique[u]` occurs at `occurrences[starts[u]..starts[u + 1]]`.
    pub starts: Vec<u32>,
    /// All occurrences, grouped by id.
    pub occurrences: Vec<Occurrence>,
    keys: Vec<(u32, u32)>,
    unsorted: Vec<Occurrence>,
}

impl Segments {
    /// Recomputes the segments from the lookups of the vocabulary's fields, given as (index in the schema, lookup).
    /// Buffers are reused.
    pub fn rebuild<'a>(&mut self, fields: impl Iterator<Item = (usize, &'a Lookup)>) {
        self.keys.clear();
        self.unsorted.clear();
        for (field, lookup) in fields {
            for row in 0..lookup.rows() {
                for &id in lookup.row(row) {
                    self.keys.push((id, self.unsorted.len() as u32));
                    self.unsorted.push(Occurrence { field: field as u32, row: row as u32 });
                }
            }
        }
        self.keys.sort_unstable();
        self.unique.clear();
        self.starts.clear();
        self.occurrences.clear();
        for &(id, at) in &self.keys {
            if self.unique.last() != Some(&id) {
                self.unique.push(id);
                self.starts.push(self.occurrences.len() as u32);
            }
            self.occurrences.push(self.unsorted[at as usize]);
        }
        self.starts.push(self.occurrences.len() as u32);
    }

    /// The occurrences of the `u`-th unique id.
    pub fn of(&self, u: usize) -> &[Occurrence] {
        &self.occurrences[self.starts[u] as usize..self.starts[u + 1] as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_sorted_and_occurrences_keep_field_then_row_order() {
        let one = Lookup::single(vec![5, 2, 5]);
        let bag = Lookup { ids: vec![2, 2, 9], starts: Some(vec![0, 0, 2, 3]) };
        let mut segments = Segments::default();
        segments.rebuild([(0, &one), (3, &bag)].into_iter());
        assert_eq!(segments.unique, [2, 5, 9]);
        let at = |field, row| Occurrence { field, row };
        assert_eq!(segments.of(0), [at(0, 1), at(3, 1), at(3, 1)]);
        assert_eq!(segments.of(1), [at(0, 0), at(0, 2)]);
        assert_eq!(segments.of(2), [at(3, 2)]);
        segments.rebuild(std::iter::empty());
        assert_eq!((segments.unique.len(), segments.starts.as_slice()), (0, &[0][..]));
    }
}
