//! Where a sealed value belongs, as the bytes its seal is bound to.

/// A column of a row, and the clear columns beside it that grant something (parent, mount, kind, expiry, maximum).
///
/// `row` must name the row for good: an id that is never used again, or the key it is found by. The order of `grants`
/// counts; a column that may be absent must be written so that absent and empty differ.
#[derive(Clone, Copy)]
pub struct Place<'a> {
    pub table: &'static str,
    pub column: &'static str,
    pub row: &'a [u8],
    pub grants: &'a [&'a [u8]],
}

impl Place<'_> {
    /// Every part with its length before it, so that no two places (or numbers of grants) write the same bytes.
    pub(super) fn bound_to(&self, term: u32) -> Vec<u8> {
        let term = term.to_be_bytes();
        let fixed = [self.table.as_bytes(), self.column.as_bytes(), self.row, &term];
        let mut bytes = Vec::with_capacity(128);
        for part in fixed.iter().chain(self.grants) {
            bytes.extend_from_slice(&length(part));
            bytes.extend_from_slice(part);
        }
        bytes
    }
}

/// The length of a part as it is written before it.
pub(super) fn length(part: &[u8]) -> [u8; 8] {
    (part.len() as u64).to_be_bytes()
}
