//! Ids as the presets' systems write them: text with leading zeros.

use datalake_deps::lake::Preset;

/// Kinds of entities that carry ids.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Entity {
    Device,
    DeviceConfig,
    Component,
    InstallEvent,
    ServicePoint,
    Premise,
    Transformer,
}

/// The id of an entity by its number.
pub(crate) fn id(preset: Preset, entity: Entity, number: u32) -> String {
    let prefix = match entity {
        Entity::Device => "D",
        Entity::DeviceConfig => "DC",
        Entity::Component => "MC",
        Entity::InstallEvent => "IE",
        Entity::ServicePoint => "SP",
        Entity::Premise => "P",
        Entity::Transformer => "T",
    };
    match preset {
        Preset::Canonical => format!("{prefix}-{number:08}"),
        Preset::OracleMdm => match entity {
            Entity::ServicePoint | Entity::Premise => format!("{number:010}"),
            // Configurations are numbered apart from devices: where the two are one, the config has to say so.
            Entity::DeviceConfig => format!("{:012}", u64::from(number) + 5_000_000_000),
            Entity::Transformer => format!("T{number:06}"),
            Entity::Device | Entity::Component | Entity::InstallEvent => format!("{number:012}"),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_text_with_leading_zeros() {
        assert_eq!(id(Preset::Canonical, Entity::Component, 42), "MC-00000042");
        assert_eq!(id(Preset::OracleMdm, Entity::Component, 42), "000000000042");
        assert_eq!(id(Preset::OracleMdm, Entity::ServicePoint, 42), "0000000042");
        assert_eq!(id(Preset::OracleMdm, Entity::DeviceConfig, 42), "005000000042");
    }
}
