//! A sum over rows that doesn't depend on their order: SHA-256 of each row, added up modulo 2²⁵⁶, and their number.
//!
//! So the rows of two engines, which sort texts each in its own way, are compared without sorting, and what has changed
//! since is taken out of a sum and put in again row by row.

use sha2::{Digest, Sha256};

use crate::row::Row;

/// A sum.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Sum {
    /// How many rows.
    pub(super) rows: u64,
    words: [u64; 4],
}

impl Sum {
    /// Puts a row in.
    pub(super) fn put(&mut self, row: &Row) {
        self.rows = self.rows.wrapping_add(1);
        let mut carry = false;
        for (word, more) in self.words.iter_mut().zip(digest(row)) {
            let (sum, over) = word.overflowing_add(more);
            let (sum, over_again) = sum.overflowing_add(u64::from(carry));
            (*word, carry) = (sum, over || over_again);
        }
    }

    /// Takes a row out that was put in.
    pub(super) fn take(&mut self, row: &Row) {
        self.rows = self.rows.wrapping_sub(1);
        let mut borrow = false;
        for (word, less) in self.words.iter_mut().zip(digest(row)) {
            let (difference, under) = word.overflowing_sub(less);
            let (difference, under_again) = difference.overflowing_sub(u64::from(borrow));
            (*word, borrow) = (difference, under || under_again);
        }
    }
}

/// SHA-256 of all that a row holds, the id with its length before it.
fn digest(row: &Row) -> [u64; 4] {
    let mut hash = Sha256::new();
    hash.update((row.id.len() as u64).to_le_bytes());
    hash.update(&row.id);
    hash.update(row.rev.to_le_bytes());
    hash.update(row.shape.to_le_bytes());
    hash.update(&row.body);
    let bytes: [u8; 32] = hash.finalize().into();
    let word = |at: usize| std::array::from_fn(|byte| bytes[8 * at + byte]);
    std::array::from_fn(|at| u64::from_le_bytes(word(at)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(id: &str, body: &str) -> Row {
        Row { id: id.into(), rev: 1, shape: 1, body: body.into() }
    }

    fn sum(rows: &[Row]) -> Sum {
        let mut sum = Sum::default();
        rows.iter().for_each(|row| sum.put(row));
        sum
    }

    #[test]
    fn the_order_does_not_matter_and_everything_else_does() {
        let (a, b) = (row("a", "{}"), row("b", "{}"));
        assert_eq!(sum(&[a.clone(), b.clone()]), sum(&[b.clone(), a.clone()]));
        for other in
            [row("b", "{ }"), row("bb", "{}"), Row { rev: 2, ..b.clone() }, Row { shape: 2, ..b.clone() }]
        {
            assert_ne!(sum(&[a.clone(), b.clone()]), sum(&[a.clone(), other]));
        }
        assert_ne!(sum(&[row("a", "bc")]), sum(&[row("ab", "c")]));
    }

    #[test]
    fn what_is_taken_out_leaves_nothing_behind() {
        let rows: Vec<Row> = (0..100).map(|n| row(&n.to_string(), "{}")).collect();
        let mut all = sum(&rows);
        rows[50..].iter().for_each(|row| all.take(row));
        assert_eq!(all, sum(&rows[..50]));
        rows[..50].iter().for_each(|row| all.take(row));
        assert_eq!(all, Sum::default());
    }
}
