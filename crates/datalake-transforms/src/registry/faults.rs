//! The kinds of fault that building the registry knows: code, weight, and what is done about it.

use crate::findings::Severity;

/// A kind of fault.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) code: &'static str,
    pub(super) severity: Severity,
    pub(super) message: &'static str,
}

macro_rules! faults {
    ($($name:ident: $severity:ident $code:literal, $message:literal;)*) => {
        $(pub(super) const $name: &Fault =
            &Fault { code: $code, severity: Severity::$severity, message: $message };)*

        #[cfg(test)]
        pub(super) const ALL: &[&Fault] = &[$($name),*];
    };
}

// Any table.
faults! {
    DUPLICATE_ROW: Note "duplicate_row",
        "the row is there more than once with the same content: one is kept";
    CONTRADICTING_DUPLICATE: Warning "contradicting_duplicate",
        "rows with one id differ: the newest delivery counts, then the newest status; of install events as new as each \
         other the reading that accuses nobody, of other rows the greatest content";
    KEY_MISSING: Rejected "key_missing",
        "a key column is empty: the row is kept aside";
    UNKNOWN_DEVICE: Warning "unknown_device",
        "the device is not in the device table: its id is used as it is";

    UNMAPPED_DEVICE_STATUS: Warning "unmapped_device_status",
        "status codes that `device_status` does not map: the status is not used";
    DEVICE_WITHOUT_COMPONENT: Note "device_without_component",
        "no measuring component belongs to the device";
    RETIRED_DEVICE_INSTALLED: Warning "retired_device_installed",
        "the device is retired, and an install event without a removal date says it still hangs somewhere: the \
         install event counts";

    COMPONENT_WITHOUT_DEVICE: Warning "component_without_device",
        "the device of the component is not known: install events that name the device only cannot be joined";
    UNKNOWN_DEVICE_CONFIG: Warning "unknown_device_config",
        "the device configuration is not in the device_config table";
    DEVICE_CONTRADICTS_CONFIG: Warning "device_contradicts_device_config",
        "device_id differs from the device of the row's device configuration: the device configuration counts";
    UNMAPPED_TYPE: Warning "unmapped_component_type",
        "type codes that `component_types` does not map: their measurements are rejected; map them in the config";
    INCOMPLETE_TYPE: Warning "incomplete_component_type",
        "no type code, and uom, direction, kind and interval_seconds do not make a type: its measurements are \
         rejected; an interval has a length that divides a day and is at least 300 s";
    TYPE_CONTRADICTS_COLUMNS: Warning "type_contradicts_columns",
        "uom, direction, kind or interval_seconds differ from what the type code stands for: the code counts";
    NON_POSITIVE_MULTIPLIER: Warning "non_positive_multiplier",
        "the multiplier is zero or negative: 1 is used";
    INVALID_REGISTER_DIGITS: Warning "invalid_register_digits",
        "register_digits is not from 1 to 12: a roll-over of the register is not recognised";
    WITHOUT_INSTALL_EVENT: Warning "component_without_install_event",
        "no install event says where the component hangs: all it measures counts as usage while not installed, \
         unless the table of install events is incomplete";
    WITHOUT_USABLE_INSTALL_EVENT: Warning "component_without_usable_install_event",
        "no install event of the component can be used: it is not judged by usage while not installed";
    PLACEHOLDER_DEVICE: Warning "placeholder_device",
        "more components and install events than one device can have: its id is a placeholder, so its install \
         events are not used";

    INCOMPLETE: Warning "install_events_incomplete",
        "energy components without install event are more than a fifth, or some install events name no device that \
         could be read: such components are not judged by usage while not installed";
    DEVICE_MISSING: Rejected "device_missing",
        "neither device_config_id nor device_id is given: the row is kept aside";
    SERVICE_POINT_MISSING: Rejected "service_point_missing",
        "service_point_id is empty: the row is kept aside";
    INSTALL_TIME_MISSING: Rejected "install_time_missing",
        "installed_at is empty: the row is kept aside";
    INSTALL_TIME_OUT_OF_RANGE: Rejected "install_time_out_of_range",
        "installed_at is before the year 1 or after 2200: the row is kept aside";
    REMOVED_BEFORE_INSTALLED: Rejected "removed_before_installed",
        "removed_at is before installed_at: the row is kept aside";
    OPEN_END_DATE: Note "open_end_date",
        "removed_at is after 2200: read as still installed";
    ZERO_LENGTH_STAY: Note "zero_length_stay",
        "removed at the moment of the install: the stay covers nothing";
    PENDING_INSTALL: Note "pending_install",
        "the install is pending: it covers nothing";
    UNMAPPED_INSTALL_STATUS: Warning "unmapped_install_status",
        "status codes that `install_status` does not map: the dates alone count, and the device counts as on";
    REMOVED_WITHOUT_DATE: Warning "status_removed_without_date",
        "the status says removed, but there is no removal date: the stay lasts until the device's next one";
    DATE_WITHOUT_REMOVED: Warning "removal_date_without_status",
        "there is a removal date, but the status does not say removed: the date counts";
    OFF_WITHOUT_TIME: Warning "off_without_time",
        "the status says off, but since when is not known: the device counts as on";
    STATUS_CONTRADICTS_HISTORY: Warning "status_contradicts_history",
        "the status and the last switch of the on/off history disagree: the newer counts, and on where that is not \
         known";
    NON_POSITIVE_CONSTANT: Warning "non_positive_install_constant",
        "the install constant is zero or negative: 1 is used";
    WITHOUT_COMPONENT: Warning "install_event_without_component",
        "no measuring component belongs to the device that was installed";
    UNKNOWN_SERVICE_POINT: Note "unknown_service_point",
        "the service point is not in the service_point table: nothing but its id is known";
    DEVICE_AT_TWO_PLACES: Warning "device_at_two_places",
        "one device hangs at two service points at once: of the stays that cover an interval the latest counts";
    TWO_DEVICES_AT_ONE_PLACE: Note "two_devices_at_one_place",
        "two devices with channels of one unit and direction hang at one service point at once";
    AMBIGUOUS_TIME: Note "ambiguous_legal_time",
        "a legal time in the hour that autumn repeats: the earlier moment is taken";
    NONEXISTENT_TIME: Note "nonexistent_legal_time",
        "a legal time in the hour that spring skips: the moment of the change is taken";

    SWITCH_TIME_MISSING: Rejected "switch_time_missing",
        "the time of the switch is empty or out of range: the row is kept aside";
    UNMAPPED_STATE: Rejected "unmapped_on_off_state",
        "states that `on_off_state` does not map: the rows are kept aside";
    UNKNOWN_INSTALL_EVENT: Warning "unknown_install_event",
        "the install event is not in the install_event table, or was not usable: the switch is not used";
    SWITCH_AFTER_REMOVAL: Note "switch_after_removal",
        "a switch after the removal: it is not used";
    CONTRADICTING_SWITCH: Warning "contradicting_switch",
        "on and off at the same moment: on counts";

    EVENT_TIME_MISSING: Rejected "event_time_missing",
        "the time of the event is empty or out of range: the row is kept aside";
    UNMAPPED_EVENT: Warning "unmapped_event_code",
        "event codes that `device_event_codes` does not map: their events are not used; map them in the config, \
         those that mean nothing as harmless";
    EVENT_WITHOUT_COMPONENT: Note "event_without_component",
        "no measuring component belongs to the device of the event";
    EVENT_OF_PLACEHOLDER: Note "event_of_placeholder",
        "more components than one device can have: its id is a placeholder, and its events are not used";
    OUTAGE: Note "outage",
        "power events that many devices of one transformer had at the same time: an outage, no sign of tampering";

    TEMPERATURE_TIME_MISSING: Rejected "temperature_time_missing",
        "at and date are empty, or out of range: the row is kept aside";
    TEMPERATURE_OUT_OF_RANGE: Rejected "temperature_out_of_range",
        "degrees_celsius is empty, or beyond -75 to 60: the row is kept aside";
    AREA_WITHOUT_WEATHER: Note "area_without_weather",
        "the temperature table has no rows of the service point's area, or it names no area while there are several: \
         its weather is that of the rows without an area, if there are any";

    POINT_WITHOUT_INSTALL_EVENT: Note "service_point_without_install_event",
        "no component hangs at the service point, nor ever did";
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn codes_are_distinct_lower_case_words() {
        let codes: BTreeSet<&str> = ALL.iter().map(|fault| fault.code).collect();
        assert_eq!(codes.len(), ALL.len());
        assert!(
            codes
                .iter()
                .all(|code| code.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'))
        );
    }

    #[test]
    fn what_is_kept_aside_says_so() {
        for fault in ALL {
            let said = fault.message.ends_with("kept aside");
            assert_eq!(said, fault.severity == Severity::Rejected, "{}", fault.code);
        }
    }
}
