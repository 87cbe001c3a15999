//! One column: whatever type a file has it in, as the canonical type.
//!
//! Every conversion has a tight loop that only notes whether all went well, and a careful one, row by row, for the
//! batches in which something did not.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, ArrowPrimitiveType, AsArray, Float64Array, Int64Array, PrimitiveArray,
    TimestampMicrosecondArray, new_null_array,
};
use arrow::buffer::ScalarBuffer;
use arrow::datatypes::{
    DataType, Date32Type, Date64Type, Decimal32Type, Decimal64Type, Decimal128Type, Decimal256Type,
    Float16Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, TimeUnit,
    TimestampMicrosecondType, TimestampMillisecondType, TimestampNanosecondType, TimestampSecondType,
    UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use arrow::util::display::array_value_to_string;

use super::batch::TypeMismatch;
use super::clock::{FIRST_MICROS, LAST_MICROS, SECOND, ToClock};
use super::columns::TablePlan;
use super::decimal::{PLACES, f32_to_micro, f64_to_micro, f64_to_micro_fast, rescale};
use super::model::{ColumnSpec, ColumnType, Need};
use super::reject::{BadRows, RejectReason};
use super::text_column::TextColumn;

/// Converts one column of one file, batch after batch.
#[derive(Debug)]
pub(crate) struct ColumnConverter {
    /// Position among the planned columns.
    at: usize,
    spec: ColumnSpec,
    text: TextColumn,
    /// An all-null column to slice from, once one was needed.
    nulls: Option<ArrayRef>,
}

/// Where a batch's faults go.
pub(crate) struct Faults<'a> {
    pub(crate) bad: &'a mut BadRows,
    pub(crate) column: usize,
}

impl Faults<'_> {
    /// Notes that `row` of `array` cannot be used.
    pub(crate) fn add(&mut self, row: usize, reason: RejectReason, array: &dyn Array) {
        self.bad.add(row, self.column, reason, || {
            array_value_to_string(array, row).ok()
        });
    }
}

impl ColumnConverter {
    pub(crate) fn new(plan: &TablePlan, at: usize, spec: ColumnSpec) -> Self {
        Self {
            at,
            spec,
            text: TextColumn::new(plan.dictionary),
            nulls: None,
        }
    }

    /// The canonical column of `len` rows; rows that cannot be read go to `bad` and hold anything.
    pub(crate) fn convert(
        &mut self,
        array: Option<&ArrayRef>,
        len: usize,
        plan: &TablePlan,
        bad: &mut BadRows,
    ) -> Result<ArrayRef, TypeMismatch> {
        let mut faults = Faults { bad, column: self.at };
        let present = array.filter(|array| *array.data_type() != DataType::Null);
        let converted = match present {
            None => self.null_column(len, plan.dictionary),
            Some(array) => match self.spec.column_type {
                ColumnType::Text => self.text.text(array, &mut faults)?,
                ColumnType::Decimal6 => self.decimal(array, plan, &mut faults)?,
                ColumnType::Timestamp => self.timestamp(array, plan, &mut faults)?,
                ColumnType::Integer => self.integer(array, plan, &mut faults)?,
                ColumnType::Float => self.float(array, plan, &mut faults)?,
            },
        };
        if self.spec.need == Need::Key && converted.null_count() > 0 {
            for row in (0..len).filter(|row| converted.is_null(*row)) {
                faults.bad.add(row, self.at, RejectReason::KeyMissing, || None);
            }
        }
        Ok(converted)
    }

    fn null_column(&mut self, len: usize, dictionary: bool) -> ArrayRef {
        match &self.nulls {
            Some(nulls) if nulls.len() >= len => nulls.slice(0, len),
            _ => {
                let nulls = new_null_array(&self.spec.column_type.data_type(dictionary), len);
                self.nulls = Some(nulls.clone());
                nulls
            }
        }
    }

    fn decimal(
        &mut self,
        array: &ArrayRef,
        plan: &TablePlan,
        faults: &mut Faults<'_>,
    ) -> Result<ArrayRef, TypeMismatch> {
        let micro: Int64Array = match array.data_type() {
            DataType::Decimal32(_, scale) => scaled(array.as_primitive::<Decimal32Type>(), *scale, faults),
            DataType::Decimal64(_, scale) if i32::from(*scale) == PLACES => {
                let array = array.as_primitive::<Decimal64Type>();
                Int64Array::new(array.values().clone(), array.nulls().cloned())
            }
            DataType::Decimal64(_, scale) => scaled(array.as_primitive::<Decimal64Type>(), *scale, faults),
            DataType::Decimal128(_, scale) => scaled(array.as_primitive::<Decimal128Type>(), *scale, faults),
            DataType::Decimal256(_, scale) => each(array.as_primitive::<Decimal256Type>(), faults, |value| {
                let value = value.to_i128().ok_or(RejectReason::NumberOutOfRange)?;
                rescale(value, i32::from(*scale))
            }),
            DataType::Int8 => scaled(array.as_primitive::<Int8Type>(), 0, faults),
            DataType::Int16 => scaled(array.as_primitive::<Int16Type>(), 0, faults),
            DataType::Int32 => scaled(array.as_primitive::<Int32Type>(), 0, faults),
            DataType::Int64 => scaled(array.as_primitive::<Int64Type>(), 0, faults),
            DataType::UInt8 => scaled(array.as_primitive::<UInt8Type>(), 0, faults),
            DataType::UInt16 => scaled(array.as_primitive::<UInt16Type>(), 0, faults),
            DataType::UInt32 => scaled(array.as_primitive::<UInt32Type>(), 0, faults),
            DataType::UInt64 => scaled(array.as_primitive::<UInt64Type>(), 0, faults),
            DataType::Float16 => each(array.as_primitive::<Float16Type>(), faults, |value| {
                f32_to_micro(value.to_f32())
            }),
            DataType::Float32 => each(array.as_primitive::<Float32Type>(), faults, f32_to_micro),
            DataType::Float64 => doubles(array.as_primitive::<Float64Type>(), faults),
            _ => self
                .text
                .decimals(array, plan.decimal_comma, faults, "a decimal number")?,
        };
        Ok(Arc::new(micro))
    }

    fn timestamp(
        &mut self,
        array: &ArrayRef,
        plan: &TablePlan,
        faults: &mut Faults<'_>,
    ) -> Result<ArrayRef, TypeMismatch> {
        let clock = &plan.clock;
        let micros: Int64Array = match array.data_type() {
            DataType::Timestamp(TimeUnit::Second, zone) => times(
                array.as_primitive::<TimestampSecondType>(),
                Unit::Multiple(SECOND),
                zone.is_some(),
                clock,
                faults,
            ),
            DataType::Timestamp(TimeUnit::Millisecond, zone) => {
                let unit = Unit::Multiple(SECOND / 1_000);
                times(
                    array.as_primitive::<TimestampMillisecondType>(),
                    unit,
                    zone.is_some(),
                    clock,
                    faults,
                )
            }
            DataType::Timestamp(TimeUnit::Microsecond, None)
                if clock.naive_is_on_clock() && in_range(array) =>
            {
                return Ok(array.clone());
            }
            DataType::Timestamp(TimeUnit::Microsecond, zone) => times(
                array.as_primitive::<TimestampMicrosecondType>(),
                Unit::Multiple(1),
                zone.is_some(),
                clock,
                faults,
            ),
            DataType::Timestamp(TimeUnit::Nanosecond, zone) => {
                let unit = Unit::Fraction(1_000);
                times(
                    array.as_primitive::<TimestampNanosecondType>(),
                    unit,
                    zone.is_some(),
                    clock,
                    faults,
                )
            }
            DataType::Date32 => {
                let unit = Unit::Multiple(86_400 * SECOND);
                times(array.as_primitive::<Date32Type>(), unit, false, clock, faults)
            }
            DataType::Date64 => {
                let unit = Unit::Multiple(SECOND / 1_000);
                times(array.as_primitive::<Date64Type>(), unit, false, clock, faults)
            }
            _ => self
                .text
                .timestamps(array, &plan.timestamps, clock, faults, "a date or time")?,
        };
        Ok(Arc::new(TimestampMicrosecondArray::new(
            micros.values().clone(),
            micros.nulls().cloned(),
        )))
    }

    fn integer(
        &mut self,
        array: &ArrayRef,
        plan: &TablePlan,
        faults: &mut Faults<'_>,
    ) -> Result<ArrayRef, TypeMismatch> {
        if *array.data_type() == DataType::Int64 {
            return Ok(array.clone());
        }
        let whole = |micro: Result<i64, RejectReason>| match micro {
            Ok(micro) if micro % 1_000_000 == 0 => Ok(micro / 1_000_000),
            _ => Err(RejectReason::InvalidInteger),
        };
        let integers: Int64Array = match array.data_type() {
            DataType::Int8 => each(array.as_primitive::<Int8Type>(), faults, |value| {
                Ok(i64::from(value))
            }),
            DataType::Int16 => each(array.as_primitive::<Int16Type>(), faults, |value| {
                Ok(i64::from(value))
            }),
            DataType::Int32 => each(array.as_primitive::<Int32Type>(), faults, |value| {
                Ok(i64::from(value))
            }),
            DataType::UInt8 => each(array.as_primitive::<UInt8Type>(), faults, |value| {
                Ok(i64::from(value))
            }),
            DataType::UInt16 => each(array.as_primitive::<UInt16Type>(), faults, |value| {
                Ok(i64::from(value))
            }),
            DataType::UInt32 => each(array.as_primitive::<UInt32Type>(), faults, |value| {
                Ok(i64::from(value))
            }),
            DataType::UInt64 => each(array.as_primitive::<UInt64Type>(), faults, |value| {
                i64::try_from(value).map_err(|_| RejectReason::InvalidInteger)
            }),
            DataType::Decimal32(_, scale) => each(array.as_primitive::<Decimal32Type>(), faults, |value| {
                whole_units(i128::from(value), *scale)
            }),
            DataType::Decimal64(_, scale) => each(array.as_primitive::<Decimal64Type>(), faults, |value| {
                whole_units(i128::from(value), *scale)
            }),
            DataType::Decimal128(_, scale) => each(array.as_primitive::<Decimal128Type>(), faults, |value| {
                whole_units(value, *scale)
            }),
            DataType::Float32 => each(array.as_primitive::<Float32Type>(), faults, |value| {
                whole(f32_to_micro(value))
            }),
            DataType::Float64 => each(array.as_primitive::<Float64Type>(), faults, |value| {
                whole(f64_to_micro(value))
            }),
            _ => self
                .text
                .integers(array, plan.decimal_comma, faults, "a whole number")?,
        };
        Ok(Arc::new(integers))
    }

    fn float(
        &mut self,
        array: &ArrayRef,
        plan: &TablePlan,
        faults: &mut Faults<'_>,
    ) -> Result<ArrayRef, TypeMismatch> {
        let floats = match array.data_type() {
            DataType::Float64 => array.as_primitive::<Float64Type>().clone(),
            DataType::Float32 => array.as_primitive::<Float32Type>().unary(f64::from),
            DataType::Float16
            | DataType::Int8
            | DataType::Int16
            | DataType::Int32
            | DataType::Int64
            | DataType::UInt8
            | DataType::UInt16
            | DataType::UInt32
            | DataType::UInt64
            | DataType::Decimal32(_, _)
            | DataType::Decimal64(_, _)
            | DataType::Decimal128(_, _)
            | DataType::Decimal256(_, _) => {
                let cast = arrow::compute::cast(array, &DataType::Float64).map_err(|_| TypeMismatch {
                    found: array.data_type().to_string(),
                    expected: "a number",
                })?;
                cast.as_primitive::<Float64Type>().clone()
            }
            _ => self.text.floats(array, plan.decimal_comma, faults, "a number")?,
        };
        check_finite(&floats, faults, array);
        Ok(Arc::new(floats))
    }
}

fn check_finite(floats: &Float64Array, faults: &mut Faults<'_>, source: &dyn Array) {
    if floats.values().iter().all(|value| value.is_finite()) {
        return;
    }
    for row in (0..floats.len()).filter(|row| floats.is_valid(*row) && !floats.value(*row).is_finite()) {
        faults.add(row, RejectReason::NumberNotFinite, source);
    }
}

/// The careful way: one row after the other.
fn each<T: ArrowPrimitiveType>(
    array: &PrimitiveArray<T>,
    faults: &mut Faults<'_>,
    convert: impl Fn(T::Native) -> Result<i64, RejectReason>,
) -> Int64Array {
    let mut values = vec![0_i64; array.len()];
    for (row, value) in values.iter_mut().enumerate() {
        if array.is_null(row) {
            continue;
        }
        match convert(array.value(row)) {
            Ok(converted) => *value = converted,
            Err(reason) => faults.add(row, reason, array),
        }
    }
    Int64Array::new(ScalarBuffer::from(values), array.nulls().cloned())
}

/// Integers of 10^-scale.
fn scaled<T>(array: &PrimitiveArray<T>, scale: i8, faults: &mut Faults<'_>) -> Int64Array
where
    T: ArrowPrimitiveType,
    T::Native: Into<i128>,
{
    let scale = i32::from(scale);
    let factor = u32::try_from(PLACES - scale)
        .ok()
        .and_then(|places| 10_i64.checked_pow(places));
    if let Some(factor) = factor {
        let mut lost = false;
        let values: Vec<i64> = array
            .values()
            .iter()
            .map(|value| {
                let wide: i128 = (*value).into();
                let narrow = wide as i64;
                let (product, overflow) = narrow.overflowing_mul(factor);
                lost |= overflow | (i128::from(narrow) != wide);
                product
            })
            .collect();
        if !lost {
            return Int64Array::new(ScalarBuffer::from(values), array.nulls().cloned());
        }
    }
    each(array, faults, |value| rescale(value.into(), scale))
}

/// An integer of 10^-scale that must be whole.
fn whole_units(value: i128, scale: i8) -> Result<i64, RejectReason> {
    let power = 10_i128.checked_pow(u32::from(scale.unsigned_abs()));
    let units = match power {
        Some(power) if scale > 0 => (value % power == 0).then_some(value / power),
        Some(power) => value.checked_mul(power),
        None => None,
    };
    units
        .and_then(|units| i64::try_from(units).ok())
        .ok_or(RejectReason::InvalidInteger)
}

fn doubles(array: &PrimitiveArray<Float64Type>, faults: &mut Faults<'_>) -> Int64Array {
    let mut sure = true;
    let mut values: Vec<i64> = array
        .values()
        .iter()
        .map(|value| {
            let (micro, certain) = f64_to_micro_fast(*value);
            sure &= certain;
            micro
        })
        .collect();
    if !sure {
        for (row, micro) in values.iter_mut().enumerate() {
            let value = array.value(row);
            if array.is_null(row) || f64_to_micro_fast(value).1 {
                continue;
            }
            match f64_to_micro(value) {
                Ok(exact) => *micro = exact,
                Err(reason) => faults.add(row, reason, array),
            }
        }
    }
    Int64Array::new(ScalarBuffer::from(values), array.nulls().cloned())
}

/// How a unit of time relates to microseconds.
#[derive(Clone, Copy)]
enum Unit {
    /// So many microseconds.
    Multiple(i64),
    /// So many of it are a microsecond; the rest is cut.
    Fraction(i64),
}

impl Unit {
    /// The product, and whether it overflowed.
    #[inline]
    fn micros(self, value: i64) -> (i64, bool) {
        match self {
            Self::Multiple(factor) => value.overflowing_mul(factor),
            Self::Fraction(parts) => (value.div_euclid(parts), false),
        }
    }
}

/// Whether a time is in the canonical range; one comparison, so that loops over it have no branches.
#[inline]
fn is_canonical(micros: i64) -> bool {
    (micros.wrapping_sub(FIRST_MICROS) as u64) <= LAST_MICROS.abs_diff(FIRST_MICROS)
}

/// Whether all of a microsecond column, null rows included, lies within the canonical range.
fn in_range(array: &ArrayRef) -> bool {
    let values = array.as_primitive::<TimestampMicrosecondType>().values();
    values
        .iter()
        .fold(true, |fits, micros| fits & is_canonical(*micros))
}

fn times<T>(
    array: &PrimitiveArray<T>,
    unit: Unit,
    zoned: bool,
    clock: &ToClock,
    faults: &mut Faults<'_>,
) -> Int64Array
where
    T: ArrowPrimitiveType,
    T::Native: Into<i64> + Copy,
{
    let shift = if zoned {
        clock.instant_shift()
    } else {
        clock.naive_shift()
    };
    if let Some(shift) = shift {
        let mut fits = true;
        let values: Vec<i64> = array
            .values()
            .iter()
            .map(|value| {
                let (micros, overflow) = unit.micros((*value).into());
                let shifted = micros.wrapping_add(shift);
                // A sum that wrapped is not in range: shifts are hours, and the range ends far from the ends of 64 bits.
                fits &= !overflow & is_canonical(shifted);
                shifted
            })
            .collect();
        if fits {
            return Int64Array::new(ScalarBuffer::from(values), array.nulls().cloned());
        }
    }
    each(array, faults, |value| {
        let (micros, overflow) = unit.micros(value.into());
        let shifted = match (overflow, zoned) {
            (true, _) => None,
            (false, true) => clock.instant(micros),
            (false, false) => clock.naive(micros),
        };
        shifted
            .filter(|micros| is_canonical(*micros))
            .ok_or(RejectReason::TimestampOutOfRange)
    })
}
