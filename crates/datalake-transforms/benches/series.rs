//! Cost of a day profile on its way to the cases, on one thread: as many half-hourly meters as the job takes
//! together, some months of days; a few of them steal.

use arrow::array::RecordBatch;
use datalake_transforms::day_grid::DayGrid;
use datalake_transforms::features::meter_features;
use datalake_transforms::judge::judge;
use datalake_transforms::measured::{Mark, Measured};
use datalake_transforms::model::Condition;
use datalake_transforms::peers::{PeerBuilder, Peers};
use datalake_transforms::registry::Registry;
use datalake_transforms::resolve::ResolvedRow;
use datalake_transforms::rules::RuleConfig;
use datalake_transforms::series::{SeriesBlock, collate};
use divan::counter::ItemsCount;
use divan::{Bencher, black_box};

mod meters;

use meters::{SLOTS, config, registry};

const METERS: usize = 1_024;
const DAYS: i32 = 120;
const FIRST_DAY: i32 = 19_723;
const PROFILES: usize = METERS * DAYS as usize;

fn main() {
    // One thread, so that figures are the cost of the work and not of sharing it.
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build();
    match pool {
        Ok(pool) => pool.install(divan::main),
        Err(_) => divan::main(),
    }
}

/// 10^-6 kWh: a level of the meter, an evening peak, and noise of the day and the slot.
fn value(meter: usize, day: i32, slot: usize) -> i64 {
    let mix = |x: u64| {
        let x = (x ^ (x >> 31)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        x ^ (x >> 29)
    };
    let level = 100_000 + (mix(meter as u64) % 300_000) as i64;
    let peak = if (34..44).contains(&slot) { 3 } else { 1 };
    let noise = mix((meter * SLOTS + slot) as u64 ^ (day as u64) << 32) % 100;
    let stolen = meter.is_multiple_of(20) && day >= FIRST_DAY + DAYS / 2;
    level * peak * (50 + noise as i64) / 100 / if stolen { 5 } else { 1 } / 1_000 * 1_000
}

/// Day profiles of all meters, a batch a day.
fn profiles(registry: &Registry) -> Vec<RecordBatch> {
    let all = 0..METERS as u32;
    let grid = DayGrid::new(registry, &config(), FIRST_DAY..FIRST_DAY + 1, all);
    let mut grid = grid.unwrap_or_else(|error| unreachable!("{error}"));
    let mut batches = Vec::new();
    for day in FIRST_DAY..FIRST_DAY + DAYS {
        let rows: Vec<ResolvedRow> = (0..METERS * SLOTS)
            .map(|i| ResolvedRow {
                component: (i / SLOTS) as u32,
                day,
                slot: (i % SLOTS) as _,
                measured: Measured::new(
                    Mark::new(Condition::Actual, true),
                    value(i / SLOTS, day, i % SLOTS),
                ),
                updated: 1,
                version: 0,
            })
            .collect();
        assert!(grid.restart(day..day + 1).is_ok());
        assert!(matches!(grid.insert(&rows), Ok(0)));
        let output = grid.finish().unwrap_or_else(|error| unreachable!("{error}"));
        batches.extend(output.batches.into_iter().map(|(_, batch)| batch));
    }
    batches
}

fn block(registry: &Registry) -> SeriesBlock {
    collate(&profiles(registry)).unwrap_or_else(|error| unreachable!("{error}"))
}

fn peers_of(block: &SeriesBlock, registry: &Registry, rules: &RuleConfig) -> Peers {
    let mut builder = PeerBuilder::new(registry);
    builder.observe(block, registry);
    builder.finish(rules.min_peers)
}

#[divan::bench(name = "collate", sample_count = 20)]
fn collated(bencher: Bencher<'_, '_>) {
    let batches = profiles(&registry(METERS));
    bencher
        .counter(ItemsCount::new(PROFILES))
        .bench_local(|| collate(black_box(&batches)));
}

#[divan::bench(sample_count = 20)]
fn features(bencher: Bencher<'_, '_>) {
    let registry = registry(METERS);
    let block = block(&registry);
    bencher
        .counter(ItemsCount::new(PROFILES))
        .bench_local(|| meter_features(&registry, black_box(&block)));
}

#[divan::bench(sample_count = 20)]
fn peers(bencher: Bencher<'_, '_>) {
    let registry = registry(METERS);
    let (block, rules) = (block(&registry), RuleConfig::default());
    bencher
        .counter(ItemsCount::new(PROFILES))
        .bench_local(|| peers_of(black_box(&block), &registry, &rules));
}

#[divan::bench(name = "judge", sample_count = 20)]
fn judged(bencher: Bencher<'_, '_>) {
    let registry = registry(METERS);
    let (block, rules) = (block(&registry), RuleConfig::default());
    let peers = peers_of(&block, &registry, &rules);
    bencher
        .counter(ItemsCount::new(PROFILES))
        .bench_local(|| judge(black_box(&block), &registry, &peers, &rules));
}
