//! Which components ever hung at a service point.

use super::Component;

/// Components by service point: one flat list, and where each service point's part begins.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Siblings {
    offsets: Vec<usize>,
    components: Vec<u32>,
}

impl Siblings {
    /// Goes once through all periods. Periods at service points beyond `service_points` are left out.
    #[must_use]
    pub fn gather(components: &[Component], service_points: usize) -> Self {
        let mut pairs: Vec<(u32, u32)> = Vec::with_capacity(components.len());
        for (index, component) in components.iter().enumerate() {
            pairs.extend(
                component
                    .periods
                    .iter()
                    .map(|period| (period.service_point, index as u32)),
            );
        }
        pairs.sort_unstable();
        pairs.dedup();
        let offsets = (0..=service_points)
            .map(|point| pairs.partition_point(|&(at, _)| (at as usize) < point))
            .collect();
        Self {
            offsets,
            components: pairs.into_iter().map(|(_, component)| component).collect(),
        }
    }

    /// Dense indices of the components of a service point, ascending; empty where there is no such point.
    #[must_use]
    pub fn at(&self, service_point: u32) -> &[u32] {
        let point = service_point as usize;
        match (self.offsets.get(point), self.offsets.get(point + 1)) {
            (Some(&from), Some(&to)) => &self.components[from..to],
            _ => &[],
        }
    }
}
