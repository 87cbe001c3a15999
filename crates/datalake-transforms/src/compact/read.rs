//! Batches of measurements as rows.

use arrow::array::{Array, AsArray, DictionaryArray, Int32Array, RecordBatch, StringArray};
use arrow::datatypes::{Int32Type, Int64Type, TimestampMicrosecondType};

use super::row::{NO_TEXT, NUMBERS, Row, number};
use super::texts::Texts;
use super::{NUMBER_LIMIT_MICRO, batch::NUMBER_COLUMNS};
use crate::error::{Rejection, TransformError};
use crate::resolve::{primitive, reason, wrong_type};

/// A number that the eighteen digits of a decimal do not hold.
pub const NUMBER_OUT_OF_RANGE: &str = "number_out_of_range";

/// Turns batches with the canonical columns of measurements into rows. One serves one thread.
#[derive(Debug)]
pub struct RowReader<'t> {
    texts: &'t Texts,
    component: Cached,
    condition: Cached,
    use_flag: Cached,
    tariff: Cached,
    meter_status: Cached,
}

/// The codes of a dictionary, kept while batches share it.
#[derive(Debug, Default)]
struct Cached {
    /// Keeps the entries alive, so that equal addresses mean equal entries.
    entries: Option<StringArray>,
    codes: Vec<u32>,
}

/// A text column: a position of `codes` for each row.
struct Coded<'a> {
    keys: &'a Int32Array,
    codes: &'a [u32],
}

impl<'t> RowReader<'t> {
    /// A reader whose rows hold codes of `texts`.
    #[must_use]
    pub fn new(texts: &'t Texts) -> Self {
        Self {
            texts,
            component: Cached::default(),
            condition: Cached::default(),
            use_flag: Cached::default(),
            tariff: Cached::default(),
            meter_status: Cached::default(),
        }
    }

    /// Appends the rows of a batch; what has no key, or a number that no decimal holds, is rejected.
    pub fn read(
        &mut self,
        batch: &RecordBatch,
        rows: &mut Vec<Row>,
        rejections: &mut Vec<Rejection>,
    ) -> Result<(), TransformError> {
        let missing = |column: &str| TransformError::MissingColumn {
            table: "measurements".to_owned(),
            column: column.to_owned(),
        };
        let component = self
            .component
            .column(batch, "measuring_component_id", self.texts)?
            .ok_or_else(|| missing("measuring_component_id"))?;
        let condition = self.condition.column(batch, "condition_code", self.texts)?;
        let use_flag = self.use_flag.column(batch, "use_flag", self.texts)?;
        let tariff = self.tariff.column(batch, "tariff", self.texts)?;
        let meter_status = self.meter_status.column(batch, "meter_status", self.texts)?;
        let measured_at = primitive::<TimestampMicrosecondType>(batch, "measured_at")?
            .ok_or_else(|| missing("measured_at"))?;
        let mut numbers = Vec::with_capacity(NUMBERS);
        for (at, name, is_time) in NUMBER_COLUMNS {
            let values = if is_time {
                primitive::<TimestampMicrosecondType>(batch, name)?
                    .map(|column| (column.values(), column.nulls()))
            } else {
                primitive::<Int64Type>(batch, name)?.map(|column| (column.values(), column.nulls()))
            };
            numbers.extend(values.map(|(values, nulls)| (at, values, nulls)));
        }
        let text = |column: &Option<Coded<'_>>, row| column.as_ref().map_or(NO_TEXT, |c| c.get(row));
        rows.reserve(batch.num_rows());
        for row in 0..batch.num_rows() {
            let mut read = Row {
                measured_at: measured_at.value(row),
                numbers: [0; NUMBERS],
                component: component.get(row),
                condition: text(&condition, row),
                use_flag: text(&use_flag, row),
                tariff: text(&tariff, row),
                meter_status: text(&meter_status, row),
                given: 0,
            };
            for (at, values, nulls) in &numbers {
                if nulls.is_none_or(|nulls| nulls.is_valid(row)) {
                    read.numbers[*at] = values[row];
                    read.given |= 1 << at;
                }
            }
            match refused(&read, measured_at.is_null(row)) {
                None => rows.push(read),
                Some((reason, column, value)) => rejections.push(Rejection {
                    batch: 0,
                    row,
                    reason,
                    column,
                    value,
                }),
            }
        }
        Ok(())
    }
}

/// Reason, column and value of a row that cannot be kept.
fn refused(row: &Row, without_time: bool) -> Option<(&'static str, &'static str, String)> {
    if row.component == NO_TEXT {
        return Some((reason::KEY_MISSING, "measuring_component_id", String::new()));
    }
    if without_time {
        return Some((reason::KEY_MISSING, "measured_at", String::new()));
    }
    for (at, column) in [
        (number::VALUE, "value"),
        (number::READING, "reading"),
        (number::PREVIOUS_READING, "previous_reading"),
        (number::COMBINED_MULTIPLIER, "combined_multiplier"),
    ] {
        let value = row.numbers[at];
        if value.unsigned_abs() >= NUMBER_LIMIT_MICRO as u64 {
            let sign = if value < 0 { "-" } else { "" };
            let size = value.unsigned_abs();
            let text = format!("{sign}{}.{:06}", size / 1_000_000, size % 1_000_000);
            return Some((NUMBER_OUT_OF_RANGE, column, text));
        }
    }
    None
}

impl Coded<'_> {
    fn get(&self, row: usize) -> u32 {
        if self.keys.is_null(row) {
            NO_TEXT
        } else {
            self.codes[self.keys.value(row) as usize]
        }
    }
}

impl Cached {
    fn column<'a>(
        &'a mut self,
        batch: &'a RecordBatch,
        name: &str,
        texts: &Texts,
    ) -> Result<Option<Coded<'a>>, TransformError> {
        let Some(column) = batch.column_by_name(name) else {
            return Ok(None);
        };
        let wrong = || wrong_type(name, column, "Dictionary(Int32, Utf8)");
        let dictionary: &DictionaryArray<Int32Type> =
            column.as_dictionary_opt::<Int32Type>().ok_or_else(wrong)?;
        let entries = dictionary.values().as_string_opt::<i32>().ok_or_else(wrong)?;
        let same = self
            .entries
            .as_ref()
            .is_some_and(|kept| kept.to_data().ptr_eq(&entries.to_data()));
        if !same {
            self.codes = texts.codes(entries.iter())?;
            self.entries = Some(entries.clone());
        }
        Ok(Some(Coded {
            keys: dictionary.keys(),
            codes: &self.codes,
        }))
    }
}
