//! Random numbers by hashing: the same on every machine, and independent of the order in which they are asked for.

/// The finalizer of splitmix64 (Steele, Lea and Flood 2014): every bit of the input moves every bit of the output.
pub(super) fn mix(x: u64) -> u64 {
    let x = x.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

/// FNV-1a over the bytes, mixed.
pub(super) fn hash_text(text: &str) -> u64 {
    let hash = text.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    mix(hash)
}

/// A number between 0 and 1, below 1, from the upper bits of a hash.
pub(super) fn unit(hash: u64) -> f64 {
    (hash >> 11) as f64 / (1_u64 << 53) as f64
}

/// The positions of the `wanted` least hashes, ascending by hash; ties by position.
pub(super) fn least(hashes: &(impl ExactSizeIterator<Item = u64> + Clone), wanted: usize) -> Vec<u32> {
    // Hashes are spread evenly: of many, those below twice the share that is wanted are nearly always enough.
    let share = (2 * wanted + SPARE) as f64 / hashes.len().max(1) as f64;
    let mut limit = (share * u64::MAX as f64) as u64;
    loop {
        let near = hashes.clone().zip(0..).filter(|(hash, _)| *hash <= limit);
        let mut keyed: Vec<(u64, u32)> = near.collect();
        if keyed.len() < wanted && limit < u64::MAX {
            limit = u64::MAX;
            continue;
        }
        if wanted < keyed.len() && wanted > 0 {
            keyed.select_nth_unstable(wanted - 1);
        }
        keyed.truncate(wanted);
        keyed.sort_unstable();
        return keyed.into_iter().map(|(_, position)| position).collect();
    }
}

/// So many more are looked at than twice what is wanted.
const SPARE: usize = 64;

/// A stream of random numbers: splitmix64 from a seed.
#[derive(Debug)]
pub(super) struct Stream {
    state: u64,
}

impl Stream {
    pub(super) fn new(seed: u64, stream: u64) -> Self {
        Self {
            state: mix(mix(seed) ^ stream),
        }
    }

    fn next(&mut self) -> u64 {
        let drawn = mix(self.state);
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        drawn
    }

    /// 0 up to, but not including, 1.
    pub(super) fn unit(&mut self) -> f64 {
        unit(self.next())
    }

    /// 0 up to, but not including, `n`, which is above 0.
    pub(super) fn below(&mut self, n: usize) -> usize {
        ((u128::from(self.next()) * n as u128) >> 64) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_finalizer_is_that_of_the_published_generator() {
        // First outputs of splitmix64 with seed 0 and 1, as its reference code prints them.
        assert_eq!(mix(0), 0xe220_a839_7b1d_cdaf);
        assert_eq!(mix(1), 0x910a_2dec_8902_5cc1);
    }

    #[test]
    fn draws_fill_the_range_evenly() {
        let mut stream = Stream::new(7, 1);
        let mut counts = [0_u32; 10];
        for _ in 0..10_000 {
            counts[stream.below(10)] += 1;
        }
        assert!(
            counts.iter().all(|count| (850..1150).contains(count)),
            "{counts:?}"
        );
        let mean = (0..10_000).map(|_| stream.unit()).sum::<f64>() / 1e4;
        assert!((mean - 0.5).abs() < 0.02, "{mean}");
    }

    #[test]
    fn the_least_hashes_are_found_whatever_is_asked_for() {
        let hashes = [5, 3, 9, 3, 1];
        assert_eq!(least(&hashes.into_iter(), 3), [4, 1, 3]);
        assert_eq!(least(&hashes.into_iter(), 0), [0_u32; 0]);
        assert_eq!(least(&hashes.into_iter(), 9), [4, 1, 3, 0, 2]);
        // Many, spread evenly; and many that are all great.
        let mut all: Vec<(u64, u32)> = (0..10_000_u32).map(|i| (mix(u64::from(i)), i)).collect();
        let found = least(&(0..10_000_u32).map(|i| mix(u64::from(i))), 30);
        all.sort_unstable();
        assert_eq!(found, all[..30].iter().map(|(_, at)| *at).collect::<Vec<u32>>());
        let great = (0..10_000_u32).map(|i| u64::MAX - 1 - u64::from(i));
        assert_eq!(least(&great, 2), [9_999, 9_998]);
    }
}
