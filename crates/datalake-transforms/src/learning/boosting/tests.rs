#![allow(clippy::unwrap_used, clippy::float_cmp)]
use super::super::matrix::tests::uniform;
use super::super::random::Stream;
use super::*;
use proptest::prelude::*;

fn small() -> BoostingConfig {
    BoostingConfig {
        max_trees: 60,
        learning_rate: 0.1,
        max_leaves: 8,
        l2: 1.0,
        row_share: 1.0,
        column_share: 1.0,
        inner_folds: 0,
        fits: 1,
        ..BoostingConfig::default()
    }
}

fn row(matrix: &Matrix, position: usize) -> Vec<f32> {
    let mut row = Vec::new();
    matrix.row_into(position, &mut row);
    row
}

/// Labels of a corner of two features.
fn corner(matrix: &Matrix) -> Vec<bool> {
    let high = |column: usize, row: usize| matrix.column(column)[row] > 0.6;
    (0..matrix.rows())
        .map(|row| high(0, row) && high(1, row))
        .collect()
}

#[test]
fn one_step_worked_by_hand() {
    // Ten rows, x = 0..9, label where x > 6. Base: ln((3 + 0.5) / (7 + 0.5)); of one cut, the best is at 6.5.
    let ids: Vec<String> = (0..10).map(|i| i.to_string()).collect();
    let x: Vec<f32> = (0..10_u8).map(f32::from).collect();
    let labels: Vec<bool> = x.iter().map(|x| *x > 6.0).collect();
    let matrix = Matrix::new(ids, vec![("x".to_owned(), x)]).unwrap();
    let config = BoostingConfig {
        max_trees: 1,
        max_leaves: 2,
        min_rows_in_leaf: 1,
        learning_rate: 0.5,
        ..small()
    };
    let found = Trees::fit(&matrix, &labels, &config);
    let base = (3.5_f64 / 7.5).ln();
    assert_eq!(found.base, base);
    let Node::Split {
        threshold,
        low,
        high,
        rows,
        ..
    } = found.trees[0].nodes()[0]
    else {
        panic!("no cut: {found:?}");
    };
    assert_eq!((threshold, low, high, rows), (6.5, 1, 2, 10));
    // p = 3.5 / 11. Low: G = 7 p, H = 7 p (1 - p); high: G = 3 (p - 1), H = 3 p (1 - p); l2 = 1.
    let p = 3.5 / 11.0;
    let step = |g: f64, h: f64| -0.5 * g / (h + 1.0);
    let (low, high) = (
        step(7.0 * p, 7.0 * p * (1.0 - p)),
        step(3.0 * (p - 1.0), 3.0 * p * (1.0 - p)),
    );
    assert!((found.raw(&[0.0]) - base - low).abs() < 1e-6);
    assert!((found.raw(&[9.0]) - base - high).abs() < 1e-6);
}

#[test]
fn several_fits_say_what_they_say_on_average() {
    let matrix = uniform(300, 4, 0.1, 3);
    let labels = corner(&matrix);
    let one = BoostingConfig {
        row_share: 0.7,
        column_share: 0.5,
        max_trees: 20,
        ..small()
    };
    let fit = |fits: u32, seed: u64| Trees::fit(&matrix, &labels, &BoostingConfig { fits, seed, ..one });
    let all = fit(3, one.seed);
    assert_eq!(all.trees.len(), 60);
    let parts = [one.seed, mix(one.seed ^ mix(1)), mix(one.seed ^ mix(2))].map(|seed| fit(1, seed));
    assert_ne!(parts[0], parts[1]);
    for position in 0..matrix.rows() {
        let row = row(&matrix, position);
        let mean = parts.iter().map(|trees| trees.raw(&row)).sum::<f64>() / 3.0;
        assert!((all.raw(&row) - mean).abs() < 1e-5);
    }
}

#[test]
fn the_best_cut_is_that_of_trying_all() {
    let matrix = uniform(200, 3, 0.2, 5);
    let mut stream = Stream::new(8, 0);
    let labels: Vec<bool> = (0..200).map(|_| stream.unit() < 0.3).collect();
    let config = BoostingConfig {
        max_trees: 1,
        max_leaves: 2,
        min_rows_in_leaf: 10,
        positive_weight: 2.0,
        ..small()
    };
    let found = Trees::fit(&matrix, &labels, &config);
    let p = sigmoid(found.base);
    let sums = |is_in: &dyn Fn(usize) -> bool| {
        let (mut g, mut h, mut n) = (0.0, 0.0, 0);
        for row in (0..200).filter(|&row| is_in(row)) {
            let w = if labels[row] { 2.0 } else { 1.0 };
            g += w * (p - f64::from(u8::from(labels[row])));
            h += w * p * (1.0 - p);
            n += 1;
        }
        (g * g / (h + config.l2), n)
    };
    let mut best = (0.0, 0, 0.0, false);
    for column in 0..3 {
        let values = matrix.column(column);
        for &threshold in values.iter().filter(|value| !value.is_nan()) {
            for low_unknown in [true, false] {
                let is_low = |row: usize| values[row] <= threshold || (values[row].is_nan() && low_unknown);
                let (low, high) = (sums(&is_low), sums(&|row| !is_low(row)));
                let gain = low.0 + high.0 - sums(&|_| true).0;
                if low.1 >= 10 && high.1 >= 10 && gain > best.0 + 1e-7 {
                    best = (gain, column, threshold, low_unknown);
                }
            }
        }
    }
    let Node::Split {
        feature,
        threshold,
        unknown,
        ..
    } = found.trees[0].nodes()[0]
    else {
        panic!("no cut");
    };
    assert_eq!(feature as usize, best.1);
    assert_eq!(unknown == super::super::tree::Side::Low, best.3);
    let between = |value: f32| value > best.2 && value < threshold;
    assert!(threshold >= best.2 && !matrix.column(best.1).iter().any(|value| between(*value)));
}

#[test]
fn a_corner_is_learned_and_noise_is_not() {
    let matrix = uniform(2_000, 5, 0.0, 3);
    let labels = corner(&matrix);
    let found = Trees::fit(&matrix, &labels, &small());
    let fresh = uniform(1_000, 5, 0.0, 4);
    let right = (0..1_000).filter(|&at| (found.raw(&row(&fresh, at)) > 0.0) == corner(&fresh)[at]);
    assert!(right.count() > 975);
    for tree in &found.trees {
        assert_eq!(tree.fault(5), None);
        assert!(tree.nodes().len() <= 15);
    }
    // Labels that follow nothing: hardly a tree is better than none.
    let mut stream = Stream::new(1, 1);
    let noise: Vec<bool> = (0..2_000).map(|_| stream.unit() < 0.2).collect();
    let config = BoostingConfig {
        inner_folds: 3,
        patience: 10,
        ..small()
    };
    assert!(Trees::fit(&matrix, &noise, &config).trees.len() < 10);
    let learned = Trees::fit(&matrix, &labels, &config).trees.len();
    assert!(learned > 30, "{learned} trees");
}

#[test]
fn what_is_unknown_may_be_what_tells() {
    let base = uniform(1_000, 1, 0.3, 6);
    let labels: Vec<bool> = base.column(0).iter().map(|value| value.is_nan()).collect();
    let found = Trees::fit(&base, &labels, &small());
    assert!(found.raw(&[f32::NAN]) > 2.0);
    assert!(found.raw(&[0.5]) < -2.0 && found.raw(&[9.0]) < -2.0);
}

#[test]
fn weights_move_the_base_and_leaves_keep_their_rows() {
    let matrix = uniform(500, 2, 0.0, 2);
    let labels: Vec<bool> = (0..500).map(|row| row < 100).collect();
    let config = BoostingConfig {
        positive_weight: 4.0,
        min_rows_in_leaf: 60,
        ..small()
    };
    let found = Trees::fit(&matrix, &labels, &config);
    assert!((found.base - (400.5_f64 / 400.5).ln()).abs() < 1e-12);
    let leaves = found.trees.iter().flat_map(|tree| tree.nodes().to_vec());
    assert!(leaves.into_iter().all(|node| match node {
        Node::Leaf { rows, .. } => rows >= 60,
        Node::Split { rows, .. } => rows >= 120,
    }));
}

#[test]
fn neither_order_nor_threads_change_a_bit() {
    let matrix = uniform(1_500, 6, 0.1, 7);
    let labels = corner(&matrix);
    let config = BoostingConfig {
        max_trees: 15,
        row_share: 0.7,
        column_share: 0.5,
        inner_folds: 2,
        ..small()
    };
    let expected = Trees::fit(&matrix, &labels, &config);
    let ids: Vec<String> = matrix.ids().iter().rev().cloned().collect();
    let columns = (0..6).map(|column| {
        let values = matrix.column(column).iter().rev().copied().collect();
        (matrix.names()[column].clone(), values)
    });
    let reversed = Matrix::new(ids, columns.collect()).unwrap();
    for threads in [1, 3] {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap();
        assert_eq!(pool.install(|| Trees::fit(&reversed, &labels, &config)), expected);
    }
    let seeded = BoostingConfig { seed: 2, ..config };
    assert_ne!(Trees::fit(&matrix, &labels, &seeded), expected);
}

#[test]
fn features_that_are_sampled_are_of_the_right_number() {
    let names: Vec<String> = (0..10).map(|i| format!("f{i}")).collect();
    assert_eq!(sampled(&names, 0.35, 1).len(), 4);
    assert_eq!(sampled(&names, 0.0, 1).len(), 1);
    assert_eq!(sampled(&names, 1.0, 1), (0..10).collect::<Vec<u32>>());
    assert_ne!(sampled(&names, 0.5, 1), sampled(&names, 0.5, 2));
    assert!(sampled(&[], 0.5, 1).is_empty());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(8))]
    #[test]
    fn contributions_add_up_to_the_raw_score(seed in 0_u64..1_000) {
        let matrix = uniform(400, 4, 0.1, seed);
        let found = Trees::fit(&matrix, &corner(&matrix), &small());
        for at in [0, 17, 399] {
            let row = row(&matrix, at);
            let (mean, parts) = found.contributions(&row);
            let sum = mean + parts.iter().sum::<f64>();
            prop_assert!((sum - found.raw(&row)).abs() < 1e-9);
        }
    }
}
