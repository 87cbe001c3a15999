//! Rows that were set aside by day make the same profiles, whatever grids they go into.

use super::*;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn rows_set_aside_fill_grids_of_any_components(rows in any_rows(), cut in 0_u32..=4) {
        let registry = eventful();
        let (mut expected, counts) = profile(&registry, &rows, 0..3);
        let mut aside = DayRows::new(&DayCells::new(&registry).unwrap());
        let mut resolved = ResolvedRows::default();
        let mut resolver = Resolver::new(&registry, config()).unwrap();
        resolver.resolve_into(&batch(&rows), &mut resolved, &mut aside).unwrap();
        let by_day = aside.take_all().unwrap();
        let mut found_counts = resolved.counts;
        let mut found = Vec::new();
        let mut grid = DayGrid::new(&registry, &config(), 0..1, 0..1).unwrap();
        for part in [0..cut, cut..4] {
            grid.move_to(0..3, part).unwrap();
            let outside = by_day.iter().map(|(day, rows)| grid.insert_day(*day, rows).unwrap());
            let _ = outside.sum::<u64>();
            let output = grid.finish().unwrap();
            found_counts.merge(&output.counts);
            found.extend(read(&output.batches));
        }
        let key = |profile: &DayProfile| (profile.component, profile.day);
        found.sort_by_key(key);
        expected.sort_by_key(key);
        prop_assert_eq!(found, expected);
        prop_assert_eq!(found_counts, counts);
    }
}

#[test]
fn a_row_kept_aside_is_not_outside_of_the_grid() {
    let registry = test_lake::registry(vec![interval("A", 1800)]);
    let rows = [
        row("A", 1800, 1),
        row("A", 1801, 1),
        row("B", 1800, 1),
        row("A", 2 * DAY, 1),
    ];
    let mut grid = DayGrid::new(&registry, &config(), 0..1, 0..1).unwrap();
    let mut resolver = Resolver::new(&registry, config()).unwrap();
    let mut resolved = ResolvedRows::default();
    resolver
        .resolve_into(&batch(&rows), &mut resolved, &mut grid)
        .unwrap();
    assert_eq!(resolved.rejections.len(), 2);
    assert_eq!(grid.check().unwrap(), 1, "the last row is of another day");
}
