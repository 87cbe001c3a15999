//! Rows of one slot that contradict each other.

use super::*;

/// What the finding about contradicting rows says; a grid from each day of `cuts` to the next.
fn contradictions(registry: &Registry, rows: &[Row], cuts: &[i32]) -> Option<(u64, String)> {
    let mut resolved = ResolvedRows::default();
    let mut resolver = Resolver::new(registry, config()).unwrap();
    resolver.resolve(&batch(rows), &mut resolved).unwrap();
    let mut findings = Findings::default();
    let all = 0..registry.components.len() as u32;
    let mut grid = DayGrid::new(registry, &config(), 0..1, all).unwrap();
    for days in cuts.windows(2) {
        grid.restart(days[0]..days[1]).unwrap();
        grid.insert(&resolved.rows).unwrap();
        findings.merge(grid.finish().unwrap().findings);
        assert!(grid.finish().unwrap().findings.is_empty());
    }
    let found = findings.iter().next()?;
    assert_eq!(found.code, "contradicting_duplicate");
    Some((found.rows, found.example_key.clone()))
}

#[test]
fn only_values_that_nothing_else_decides_between_are_a_contradiction() {
    let registry = test_lake::registry(vec![interval("A", 21_600), interval("B", 86_400)]);
    let found = |rows: &[Row]| contradictions(&registry, rows, &[0, 3]);
    let at = |value: i64| row("A", 21_600, value);
    let estimated = Row {
        condition: Some(test_lake::ESTIMATED.to_owned()),
        ..at(7)
    };
    let newer = Row {
        updated: Some(5),
        ..at(9)
    };
    assert_eq!(found(&[at(5), at(5), estimated.clone(), at(5)]), None);
    let one = Some((1, "A at 1970-01-01 06:00:00".to_owned()));
    assert_eq!(found(&[at(5), estimated.clone(), at(6), at(5)]), one);
    // A newer row settles it, until another one as new says something else.
    assert_eq!(found(&[at(5), at(6), newer.clone()]), None);
    assert_eq!(found(&[newer.clone(), at(5), at(6)]), None);
    let as_new = Row {
        updated: Some(5),
        ..at(8)
    };
    assert_eq!(found(&[as_new, at(6), newer]), one);
    let rows = [
        row("B", 2 * DAY, 1),
        row("B", 2 * DAY, 2),
        row("A", 3 * DAY, 1),
        row("A", 3 * DAY, 2),
        row("A", 2 * DAY + 21_600, 2),
        row("A", 2 * DAY + 21_600, 1),
    ];
    assert_eq!(found(&rows), Some((3, "A at 1970-01-03 06:00:00".to_owned())));
}

proptest! {
    /// By the definition: of the rows of a key, those that tie in all but their values.
    #[test]
    fn contradictions_depend_on_the_set_of_rows_alone(
        (rows, shuffled) in any_rows().prop_flat_map(|rows| (Just(rows.clone()), Just(rows).prop_shuffle())),
        cut in 1_i32..3,
    ) {
        let registry = eventful();
        let mut resolved = ResolvedRows::default();
        Resolver::new(&registry, config()).unwrap().resolve(&batch(&rows), &mut resolved).unwrap();
        let mut by_key: BTreeMap<(u32, i32, u16), Vec<&ResolvedRow>> = BTreeMap::new();
        for row in &resolved.rows {
            by_key.entry((row.component, row.day, row.slot)).or_default().push(row);
        }
        let rank = |row: &ResolvedRow| {
            (row.updated, row.version, row.measured.is_allowed(), row.measured.rank())
        };
        let in_dispute = by_key
            .values()
            .filter(|rows| {
                let top = rows.iter().max_by_key(|row| (row.updated, row.version, row.measured)).unwrap();
                let mut values: Vec<i64> = rows
                    .iter()
                    .filter(|row| rank(row) == rank(top) && row.measured.is_allowed())
                    .filter_map(|row| row.measured.value_micro())
                    .collect();
                values.sort_unstable();
                values.dedup();
                values.len() > 1
            })
            .count() as u64;
        let found = contradictions(&registry, &rows, &[0, 3]);
        prop_assert_eq!(found.as_ref().map_or(0, |(keys, _)| *keys), in_dispute);
        prop_assert_eq!(&contradictions(&registry, &shuffled, &[0, cut, 3]), &found);
    }
}
