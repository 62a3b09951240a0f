//! What somebody may have meant who wrote something that is not there.

/// The one of `known` that is closest to `word`, if it is close enough to be meant: a third of its letters may differ. Two
/// letters that changed places count as one.
pub fn closest<'k>(word: &str, known: impl IntoIterator<Item = &'k str>) -> Option<&'k str> {
    let nearest = known.into_iter().map(|known| (distance(word, known), known)).min()?;
    let (distance, known) = nearest;
    (distance > 0 && distance * 3 <= known.chars().count()).then_some(known)
}

/// How many letters must be put in, taken out, replaced or swapped with their neighbour to make one text of the other.
#[must_use]
pub fn distance(left: &str, right: &str) -> usize {
    let left: Vec<char> = left.chars().collect();
    let right: Vec<char> = right.chars().collect();
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=right.len()).collect();
    for (row, from) in left.iter().enumerate() {
        let mut current = vec![row + 1];
        for (column, to) in right.iter().enumerate() {
            let replaced = last[column] + usize::from(from != to);
            let mut cost = replaced.min(last[column + 1] + 1).min(current[column] + 1);
            if row > 0 && column > 0 && *from == right[column - 1] && left[row - 1] == *to {
                cost = cost.min(before[column - 1] + 1);
            }
            current.push(cost);
        }
        before = std::mem::replace(&mut last, current);
    }
    last[right.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_finger_is_one_step() {
        for (left, right, steps) in [
            ("write", "write", 0),
            ("wirte", "write", 1),
            ("wrte", "write", 1),
            ("wriite", "write", 1),
            ("wride", "write", 1),
            ("", "write", 5),
            ("abc", "", 3),
            ("secrte", "secret", 1),
            ("ca", "abc", 3),
        ] {
            assert_eq!(distance(left, right), steps, "{left} {right}");
            assert_eq!(distance(right, left), steps, "{right} {left}");
        }
    }

    #[test]
    fn what_is_far_off_or_exact_was_not_a_slip() {
        let known = ["read", "write", "delete"];
        assert_eq!(closest("wirte", known), Some("write"));
        assert_eq!(closest("frobnicate", known), None);
        assert_eq!(closest("read", known), None);
        assert_eq!(closest("x", []), None);
    }
}
