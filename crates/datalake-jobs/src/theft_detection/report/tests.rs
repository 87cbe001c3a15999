//! The whole file, of a small world made by hand.
#![allow(clippy::unwrap_used)]

use std::io::Read as _;
use std::sync::Arc;

use arrow::array::{Float64Array, RecordBatch, UInt32Array};
use base64::Engine as _;
use datalake_transforms::findings::{Finding, Severity};
use datalake_transforms::judge::StayEvidence;
use datalake_transforms::model::{ComponentType, DAY_SECONDS, Kind, MICRO};
use datalake_transforms::ranking::assemble;
use datalake_transforms::registry::{Component, InstallPeriod, ServicePoint};
use datalake_transforms::rules::{Rule, RuleEvidence, Verdict};

use super::super::config::{RawConfig, validate};
use super::*;

const DAY: i32 = 19_846;

/// What a text in the data may try.
const HOSTILE: &str = "</script><img src=x onerror=alert(1)>\"'`&\u{202e}\u{1e}";

struct World {
    config: Config,
    registry: Registry,
    peers: Peers,
    assessment: Assessment,
    counts: RowCounts,
    findings: Findings,
    features: RecordBatch,
}

fn hit(rule: Rule, strength: f32) -> RuleEvidence {
    RuleEvidence {
        rule,
        verdict: Verdict::Hit,
        value: 30.0,
        threshold: 14.0,
        onset_day: DAY,
        end_day: DAY + 29,
        strength,
        kwh_micro: 90 * MICRO,
    }
}

/// A world of cases with these ids.
fn world(ids: &[&str]) -> World {
    let resolved = datalake_deps::config::ConfigLayers::new()
        .resolve::<RawConfig>()
        .unwrap();
    let config = validate(&resolved).unwrap();
    let components = ids.iter().zip(0..).map(|(id, place)| Component {
        id: format!("MC {id}"),
        device_id: Some(format!("D {id}")),
        component_type: Some(ComponentType {
            uom: "kWh".to_owned(),
            direction: datalake_transforms::model::Direction::Delivered,
            kind: Kind::Interval,
            interval_seconds: Some(86_400),
        }),
        multiplier_micro: MICRO,
        periods: vec![InstallPeriod {
            event_id: format!("IE {id}"),
            service_point: place,
            start: i64::from(DAY - 100) * DAY_SECONDS,
            end: i64::MAX,
            ..InstallPeriod::default()
        }],
        ..Component::default()
    });
    let places = ids.iter().map(|id| ServicePoint {
        id: (*id).to_owned(),
        premise_id: Some(format!("P {id}")),
        rate_class: Some((*id).to_owned()),
        ..ServicePoint::default()
    });
    let registry = Registry::new(components.collect(), places.collect());
    let evidence = (0..ids.len() as u32).map(|component| StayEvidence {
        component,
        service_point: Some(component),
        first_day: DAY - 100,
        last_day: DAY + 29,
        last_actual_day: DAY + 29,
        days_observed: 130,
        actual_share: 1.0,
        rules: vec![hit(Rule::ZeroWhileOn, 1.0 - 0.001 * component as f32)],
        suppressions: Vec::new(),
        edges: None,
        weeks: Vec::new(),
        loss: None,
        taken_back: None,
        usage_micro: 0,
    });
    let peers = Peers::default();
    let assessment = assemble(evidence.collect(), &registry, &peers, &config.rules).unwrap();
    let mut findings = Findings::default();
    findings.merge_one(Finding {
        table: "device".to_owned(),
        code: "odd".to_owned(),
        severity: Severity::Warning,
        rows: 3,
        example_key: ids[0].to_owned(),
        message: format!("seen at {}", ids[0]),
    });
    let shares = || Arc::new(Float64Array::from(vec![0.5; ids.len()])) as _;
    let features = RecordBatch::try_from_iter([
        ("days", Arc::new(UInt32Array::from(vec![130; ids.len()])) as _),
        ("actual_share", shares()),
        ("estimated_share", shares()),
        ("missing_share", shares()),
    ])
    .unwrap();
    World {
        config,
        registry,
        peers,
        assessment,
        counts: RowCounts {
            read: 10,
            used: 10,
            ..RowCounts::default()
        },
        findings,
        features,
    }
}

impl World {
    fn html(&self) -> String {
        let report = Report {
            counts: &self.counts,
            tables: &[],
            findings: &self.findings,
            features: &self.features,
            assessment: &self.assessment,
            registry: &self.registry,
            peers: &self.peers,
            config: &self.config,
            drawings: &Drawings::default(),
            inspections: None,
        };
        report.html().unwrap()
    }
}

/// All packs of a file, unpacked as the page does it.
fn packs(html: &str) -> Vec<String> {
    let groups = html.split("<script type=\"text/plain\" id=g").skip(1);
    groups
        .flat_map(|group| {
            let (_, base64) = group.split_once('>').unwrap();
            let bytes = base64::engine::general_purpose::STANDARD
                .decode(base64.split_once('<').unwrap().0)
                .unwrap();
            let mut text = String::new();
            flate2::read::GzDecoder::new(&*bytes)
                .read_to_string(&mut text)
                .unwrap();
            let packs: Vec<String> = text.split(packed::SEPARATOR).map(str::to_owned).collect();
            packs
        })
        .collect()
}

#[test]
fn hostile_texts_stay_texts_wherever_they_stand() {
    let long = "x".repeat(10_000);
    let html = world(&[HOSTILE, &long]).html();
    let packs = packs(&html);
    assert_eq!(packs.len(), 2);
    for text in [&html, &packs[0], &packs[1]] {
        assert!(!text.contains("<img"), "markup of the data");
        assert!(
            !text.contains('\u{202e}') && !text.contains('\u{1e}'),
            "hidden characters"
        );
    }
    // The page's own two scripts end, and nothing else does.
    assert_eq!(html.matches("</script>").count(), 2);
    assert!(
        packs[0].contains(
            "&lt;/script&gt;&lt;img src=x onerror=alert(1)&gt;&quot;&#39;&#96;&amp;[U+202E][U+001E]"
        )
    );
    // A pack has the whole id, the list its ends.
    assert!(packs[1].contains(&long) && !html.contains(&long[..100]));
}

#[test]
fn nothing_is_asked_of_a_network() {
    let html = world(&["SP-1"]).html();
    for text in std::iter::once(&html).chain(&packs(&html)) {
        for word in [
            "http:", "https:", "src=", "url(", "@import", "<link", "<iframe", "fetch(", "style=",
        ] {
            assert!(!text.contains(word), "`{word}`");
        }
    }
    assert!(html.contains("content=\"default-src 'none'; script-src 'sha256-"));
}

#[test]
fn every_case_has_a_row_and_a_pack_in_the_order_of_ranks() {
    let ids: Vec<String> = (0..40).map(|n| format!("SP-{n:02}")).collect();
    let html = world(&ids.iter().map(String::as_str).collect::<Vec<_>>()).html();
    let packs = packs(&html);
    assert_eq!(packs.len(), 40);
    assert_eq!(html.matches("<script type=\"text/plain\"").count(), 3);
    let links: Vec<&str> = html
        .split("<a href=#case=")
        .skip(1)
        .map(|rest| &rest[..16])
        .collect();
    for (rank, (link, pack)) in links.iter().zip(&packs).enumerate() {
        assert!(
            pack.contains(&format!("Case {link} · rank {} ", rank + 1)),
            "{pack}"
        );
        assert!(pack.contains(&format!("SP-{rank:02}</h2>")), "{pack}");
    }
}

#[test]
fn threads_do_not_change_a_byte() {
    let ids: Vec<String> = (0..40).map(|n| format!("SP-{n:02}")).collect();
    let world = world(&ids.iter().map(String::as_str).collect::<Vec<_>>());
    let with = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap();
        pool.install(|| world.html())
    };
    let one = with(1);
    assert!(one == with(2) && one == with(7), "bytes differ");
}

#[test]
fn a_report_without_cases_is_a_report() {
    let mut world = world(&["SP-1"]);
    world.config.rules.case_threshold = 1.0;
    world.assessment = assemble(
        world.assessment.evidence().to_vec(),
        &world.registry,
        &world.peers,
        &world.config.rules,
    )
    .unwrap();
    let html = world.html();
    assert!(html.contains(">0 cases</output>"));
    assert_eq!(packs(&html).len(), 0);
}

/// The text of a pack, a line an element.
fn plain(html: &str) -> String {
    let mut lines = Vec::new();
    for piece in html.split('<').filter_map(|piece| piece.split_once('>')) {
        let text = piece.1.replace('\u{202f}', "_");
        if !text.trim().is_empty() {
            lines.push(text.trim().to_owned());
        }
    }
    lines.join("\n")
}

#[test]
fn the_text_of_a_pack() {
    let html = world(&["SP-1"]).html();
    insta::assert_snapshot!(plain(&packs(&html)[0]));
}

#[test]
fn the_text_of_the_overview() {
    let html = world(&["SP-1", "SP-2"]).html();
    let overview = html
        .split("<main>")
        .nth(1)
        .unwrap()
        .split("<section id=case ")
        .next()
        .unwrap();
    insta::assert_snapshot!(plain(overview));
}
