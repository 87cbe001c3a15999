//! A service point: who draws there, what happens to it, which meters hang there when.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use super::attack::Attack;
use super::clock::DAY;
use super::home::{Demands, Home};
use super::life::{Life, LifeKind};
use super::load::{Circumstances, Today, Who, day_load};
use super::random::{Purpose, between, days_between, stream};
use super::theft::{Reference, TheftKind};

/// What sets a service point apart.
#[derive(Debug, Clone)]
pub(crate) enum Story {
    Plain,
    Odd(Life),
    Theft(Box<Theft>),
}

/// A theft with everything drawn.
#[derive(Debug, Clone)]
pub(crate) struct Theft {
    pub(crate) kind: TheftKind,
    pub(crate) attack: Attack,
    /// First whole day.
    pub(crate) onset: i32,
    /// Last day; `None` where it lasts to the end of the data.
    pub(crate) end: Option<i32>,
    /// Whose profile is reported.
    pub(crate) donor: Option<Home>,
    /// Whether the scalar register goes on with the truth.
    pub(crate) honest_register: bool,
}

impl Theft {
    pub(crate) fn covers(&self, day: i32) -> bool {
        day >= self.onset && self.end.is_none_or(|end| day <= end)
    }
}

/// A meter at a service point. Moments are seconds since 1970-01-01 on the measurement clock.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Meter {
    pub(crate) device: u32,
    pub(crate) installed: i64,
    /// Removal as the install event has it.
    pub(crate) removed: Option<i64>,
    /// From here to `until` it measures.
    pub(crate) from: i64,
    pub(crate) until: i64,
    pub(crate) components: Components,
}

/// Numbers of a meter's measuring components.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Components {
    pub(crate) delivered: u32,
    pub(crate) received: Option<u32>,
    pub(crate) register: Option<u32>,
    pub(crate) voltage: Option<u32>,
}

/// A moment of connection or disconnection as the utility knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Disconnection {
    pub(crate) off: i64,
    pub(crate) on: Option<i64>,
    /// Whether it is in the table of switches as well as in the install event's status.
    pub(crate) recorded: bool,
}

/// A stretch without power.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Dark {
    pub(crate) from: i64,
    pub(crate) until: i64,
    /// Nothing is reported meanwhile; else zeros.
    pub(crate) silent: bool,
}

/// A service point.
#[derive(Debug, Clone)]
pub(crate) struct Site {
    pub(crate) number: u32,
    pub(crate) home: Home,
    pub(crate) next_home: Option<Box<Home>>,
    pub(crate) story: Story,
    pub(crate) meters: Vec<Meter>,
    pub(crate) disconnection: Option<Disconnection>,
    pub(crate) dark: Option<Dark>,
    /// Smallest step of the meter, 10^-6 kWh.
    pub(crate) resolution_micro: i64,
    /// Its components are missing from their table.
    pub(crate) orphan: bool,
    /// Its components' type is unknown to the default map.
    pub(crate) unmapped: bool,
}

/// What is asked of a service point before it is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    Plain,
    Odd(LifeKind),
    Thief(TheftKind),
}

/// What all service points have in common when they are drawn.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Frame<'a> {
    pub(crate) seed: u64,
    pub(crate) first_day: i32,
    pub(crate) days: i32,
    pub(crate) slots: usize,
    /// One item a day.
    pub(crate) calendar: &'a [Today],
    pub(crate) register_share: f64,
    pub(crate) voltage_share: f64,
    pub(crate) orphan_share: f64,
    pub(crate) unmapped_share: f64,
}

impl Site {
    /// Draws a service point; numbers of devices and components are still 0 (a component that is not there
    /// is `None`).
    pub(crate) fn draw(number: u32, part: Part, frame: &Frame<'_>) -> Self {
        let mut rng = stream(frame.seed, Purpose::Site, u64::from(number), 0);
        let demands = match part {
            Part::Odd(kind) => kind.demands(),
            Part::Plain | Part::Thief(_) => Demands::default(),
        };
        let home = Home::draw(
            &mut stream(frame.seed, Purpose::Home, u64::from(number), 0),
            demands,
        );
        let plain = part == Part::Plain;
        let mut site = Self {
            number,
            home,
            next_home: None,
            story: Story::Plain,
            meters: Vec::new(),
            disconnection: None,
            dark: None,
            resolution_micro: if rng.random_bool(0.85) { 1_000 } else { 10_000 },
            orphan: plain && rng.random_bool(frame.orphan_share),
            unmapped: plain && rng.random_bool(frame.unmapped_share),
        };
        let start = i64::from(frame.first_day) * DAY;
        let first = Meter {
            device: 0,
            // Installed years ago, or exactly when the data begin.
            installed: if rng.random_bool(0.9) {
                start - i64::from(days_between(&mut rng, 30, 3_000)) * DAY + working_hour(&mut rng)
            } else {
                start
            },
            removed: None,
            from: i64::MIN,
            until: i64::MAX,
            components: Components {
                delivered: 0,
                received: (site.home.solar_kwp > 0.0 || part == Part::Odd(LifeKind::SolarInstall))
                    .then_some(0),
                register: rng.random_bool(frame.register_share).then_some(0),
                voltage: rng.random_bool(frame.voltage_share).then_some(0),
            },
        };
        site.meters.push(first);
        let mut rng = stream(frame.seed, Purpose::Story, u64::from(number), 0);
        match part {
            Part::Plain => {}
            Part::Odd(kind) => {
                site.live(
                    Life::draw(kind, frame.first_day, frame.days, &mut rng),
                    frame.seed,
                    &mut rng,
                );
            }
            Part::Thief(kind) => site.steal(kind, frame, &mut rng),
        }
        site
    }

    /// Puts an oddity on the service point.
    pub(crate) fn live(&mut self, life: Life, seed: u64, rng: &mut ChaCha8Rng) {
        let moment = i64::from(life.onset) * DAY + working_hour(rng);
        match life.kind {
            LifeKind::TenantChange => {
                let mut rng = stream(seed, Purpose::NextHome, u64::from(self.number), 0);
                let demands = Demands {
                    household: true,
                    no_solar: true,
                    ..Demands::default()
                };
                self.next_home = Some(Box::new(Home::draw(&mut rng, demands)));
            }
            LifeKind::Exchange => self.exchange(moment),
            LifeKind::NewInstall => {
                self.meters[0].installed = moment;
                self.meters[0].from = moment;
            }
            LifeKind::Removal => {
                self.meters[0].removed = Some(moment);
                self.meters[0].until = moment;
            }
            LifeKind::Disconnection => {
                let on = life
                    .end
                    .map(|end| i64::from(end) * DAY + working_hour(rng))
                    .filter(|on| *on > moment);
                // A reconnection is only known from the table of switches.
                let recorded = on.is_some() || rng.random_bool(0.5);
                self.disconnection = Some(Disconnection {
                    off: moment,
                    on,
                    recorded,
                });
                let silent = rng.random_bool(0.5);
                self.dark = Some(Dark {
                    from: moment,
                    until: on.unwrap_or(i64::MAX),
                    silent,
                });
            }
            _ => {}
        }
        self.story = Story::Odd(life);
    }

    fn steal(&mut self, kind: TheftKind, frame: &Frame<'_>, rng: &mut ChaCha8Rng) {
        let (first, days) = (frame.first_day, frame.days);
        let onset = first + (between(rng, 0.3, 0.8) * f64::from(days)) as i32;
        let onset = onset.clamp(first + 1, (first + days - 1).max(first + 1));
        let last_day = first + days - 1;
        let lasting = kind.is_unbilled() || kind == TheftKind::SlowExchange || !rng.random_bool(0.15);
        let end = if lasting {
            None
        } else {
            Some((onset + days_between(rng, 30, days)).min(last_day))
        };
        let reference = self.reference(onset, frame);
        let attack = kind.draw(reference, rng);
        let donor = (kind == TheftKind::SmallerProfile).then(|| self.donor(reference, onset, frame));
        let honest_register = rng.random_bool(0.5);
        self.story = Story::Theft(Box::new(Theft {
            kind,
            attack,
            onset,
            end,
            donor,
            honest_register,
        }));
        // The day before, so that every day of the theft is whole.
        let moment = i64::from(onset - 1) * DAY + working_hour(rng);
        match kind {
            TheftKind::UsageAfterRemoval => self.meters[0].removed = Some(moment),
            TheftKind::UsageWhileDisconnected => {
                let recorded = rng.random_bool(0.5);
                self.disconnection = Some(Disconnection {
                    off: moment,
                    on: None,
                    recorded,
                });
            }
            TheftKind::SlowExchange => self.exchange(moment),
            _ => {}
        }
    }

    fn exchange(&mut self, moment: i64) {
        let old = &mut self.meters[0];
        old.removed = Some(moment);
        old.until = moment;
        let mut new = old.clone();
        // Half an hour's work.
        new.installed = moment + 1_800;
        new.from = new.installed;
        new.removed = None;
        new.until = i64::MAX;
        self.meters.push(new);
    }

    /// The honest load of a few days before the onset.
    fn reference(&self, onset: i32, frame: &Frame<'_>) -> Reference {
        let who = Who {
            seed: frame.seed,
            site: u64::from(self.number),
            purpose: Purpose::Load,
        };
        reference(&self.home, who, onset, frame)
    }

    /// A customer with less than 0.7 of the own mean; the smallest of some where none is so small.
    fn donor(&self, own: Reference, onset: i32, frame: &Frame<'_>) -> Home {
        let who = Who {
            seed: frame.seed,
            site: u64::from(self.number),
            purpose: Purpose::DonorLoad,
        };
        let mut smallest: Option<(f64, Home)> = None;
        for attempt in 0..8 {
            let mut rng = stream(frame.seed, Purpose::Donor, u64::from(self.number), attempt);
            let demands = Demands {
                household: true,
                no_solar: true,
                size: 0.5,
                ..Demands::default()
            };
            let home = Home::draw(&mut rng, demands);
            let mean = reference(&home, who, onset, frame).mean_kwh;
            let fits = mean < 0.7 * own.mean_kwh;
            if smallest.as_ref().is_none_or(|(least, _)| mean < *least) {
                smallest = Some((mean, home));
            }
            if fits {
                break;
            }
        }
        smallest.map_or_else(|| self.home.clone(), |(_, home)| home)
    }

    /// How the customer lives on a day.
    pub(crate) fn circumstances(&self, day: i32) -> Circumstances {
        match &self.story {
            Story::Odd(life) => life.circumstances(day),
            Story::Plain | Story::Theft(_) => Circumstances::USUAL,
        }
    }
}

fn reference(home: &Home, who: Who, onset: i32, frame: &Frame<'_>) -> Reference {
    let before = (onset - frame.first_day).max(1);
    let step = (before / 7).max(1);
    let (mut sum, mut max, mut slots) = (0.0, 0.0_f64, 0_usize);
    for day in (frame.first_day..onset.max(frame.first_day + 1))
        .rev()
        .step_by(step as usize)
        .take(7)
    {
        let today = &frame.calendar[(day - frame.first_day) as usize];
        let load = day_load(home, who, today, &Circumstances::USUAL, frame.slots);
        for kwh in load.delivered {
            sum += kwh;
            max = max.max(kwh);
            slots += 1;
        }
    }
    Reference {
        mean_kwh: sum / slots.max(1) as f64,
        max_kwh: max,
        slots: frame.slots,
    }
}

/// Seconds of the day between 8 and 16 o'clock, whole minutes.
fn working_hour(rng: &mut ChaCha8Rng) -> i64 {
    rng.random_range(8 * 60..16 * 60) * 60
}

#[cfg(test)]
#[allow(clippy::float_cmp)]
mod tests {
    use super::super::weather::Weather;
    use super::*;

    const FIRST: i32 = 19_723;

    fn draw(number: u32, part: Part) -> Site {
        let weather = Weather::draw(1, FIRST, 100);
        let calendar: Vec<_> = (FIRST..FIRST + 100)
            .map(|d| Today::new(d, &weather, 0.0))
            .collect();
        let frame = Frame {
            seed: 1,
            first_day: FIRST,
            days: 100,
            slots: 48,
            calendar: &calendar,
            register_share: 0.1,
            voltage_share: 0.0,
            orphan_share: 0.0,
            unmapped_share: 0.0,
        };
        Site::draw(number, part, &frame)
    }

    #[test]
    fn thefts_lie_in_the_middle_and_papers_fit_them() {
        for kind in TheftKind::ALL {
            for number in 0..20 {
                let site = draw(number, Part::Thief(kind));
                let Story::Theft(theft) = &site.story else {
                    unreachable!()
                };
                assert!((FIRST + 30..FIRST + 80).contains(&theft.onset));
                assert_eq!(theft.donor.is_some(), kind == TheftKind::SmallerProfile);
                let before = i64::from(theft.onset) * DAY;
                let on_paper = site.meters[0].removed.or(site.disconnection.map(|d| d.off));
                let papers = kind.is_unbilled() || kind == TheftKind::SlowExchange;
                assert_eq!(on_paper.is_some(), papers, "{}", kind.name());
                assert!(on_paper.is_none_or(|at| (before - DAY..before).contains(&at)));
                assert_eq!(
                    site.meters.len(),
                    1 + usize::from(kind == TheftKind::SlowExchange)
                );
            }
        }
        let site = draw(1, Part::Thief(TheftKind::UsageAfterRemoval));
        assert_eq!(site.meters[0].until, i64::MAX, "the meter measures on");
    }

    #[test]
    fn honest_papers_stop_the_meter() {
        let site = draw(1, Part::Odd(LifeKind::Removal));
        assert_eq!(site.meters[0].removed, Some(site.meters[0].until));
        let site = draw(2, Part::Odd(LifeKind::Exchange));
        assert_eq!(site.meters[1].from - site.meters[0].until, 1_800);
        let site = draw(3, Part::Odd(LifeKind::Disconnection));
        let (off, dark) = (site.disconnection.map(|d| d.off), site.dark.map(|d| d.from));
        assert!(off.is_some() && off == dark);
        let site = draw(4, Part::Odd(LifeKind::SolarInstall));
        assert!(site.meters[0].components.received.is_some() && site.home.solar_kwp == 0.0);
        let site = draw(5, Part::Odd(LifeKind::NewInstall));
        assert_eq!(site.meters[0].installed, site.meters[0].from);
    }
}
