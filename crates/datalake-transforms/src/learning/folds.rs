//! Folds: which rows are held out, decided by the id alone.

use super::random::{hash_text, mix};

/// The fold of a service point, 0 up to `folds`: the same whatever other rows there are.
#[must_use]
pub fn fold(id: &str, folds: u32, seed: u64) -> u32 {
    let hash = mix(hash_text(id) ^ mix(seed));
    ((u128::from(hash) * u128::from(folds.max(1))) >> 64) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folds_are_of_one_size_and_change_with_the_seed() {
        let mut counts = [0_u32; 5];
        let mut moved = 0;
        for i in 0..10_000 {
            let id = format!("SP-{i}");
            counts[fold(&id, 5, 1) as usize] += 1;
            moved += u32::from(fold(&id, 5, 1) != fold(&id, 5, 2));
        }
        assert!(
            counts.iter().all(|count| (1_850..2_150).contains(count)),
            "{counts:?}"
        );
        // Four of five land elsewhere.
        assert!((7_800..8_200).contains(&moved), "{moved}");
        assert_eq!(fold("SP-1", 0, 1), 0);
    }
}
