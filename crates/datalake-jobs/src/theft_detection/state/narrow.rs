//! Integers as narrow as they fit: most counts of a day are one number, most energies multiples of a watt-hour.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, ArrowPrimitiveType, AsArray, BooleanArray, NullArray, PrimitiveArray, new_null_array,
};
use arrow::buffer::{BooleanBuffer, NullBuffer};
use arrow::datatypes::{
    ArrowNativeType, DataType, Field, Int32Type, Int64Type, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};

/// A step of energies that is tried before 1: a watt-hour in 10^-6 kWh.
const WATT_HOUR: i64 = 1_000;

/// Stands for the step of a column of nulls; one of a single number is stored as nulls, too, with a step.
const NO_STEP: i64 = 0;

/// The column narrowed, and its field with what [`widen`] needs to know. What is no column of energy or counts is
/// left as it is.
pub(super) fn narrow(name: &str, array: &ArrayRef) -> (Field, ArrayRef) {
    let narrowed = match array.data_type() {
        DataType::Int64 => Some(narrowed::<Int64Type>(array)),
        DataType::Int32 => Some(narrowed::<Int32Type>(array)),
        DataType::UInt16 => Some(narrowed::<UInt16Type>(array)),
        _ => None,
    };
    match narrowed {
        Some((array, base, step)) => {
            let metadata = [("base", base), ("step", step)];
            let metadata = metadata.map(|(key, value)| (key.to_owned(), value.to_string()));
            let field = Field::new(name, array.data_type().clone(), true);
            (field.with_metadata(HashMap::from(metadata)), array)
        }
        None => (Field::new(name, array.data_type().clone(), true), array.clone()),
    }
}

fn narrowed<T>(array: &ArrayRef) -> (ArrayRef, i64, i64)
where
    T: ArrowPrimitiveType,
    T::Native: Into<i64> + Ord,
{
    let array = array.as_primitive::<T>();
    let nulls = array.nulls().filter(|nulls| nulls.null_count() > 0);
    // Values below nulls lie anywhere, and need not be multiples of anything.
    let known = || {
        let all = nulls.is_none().then_some((0, array.len()));
        let runs = nulls.into_iter().flat_map(NullBuffer::valid_slices).chain(all);
        runs.map(|(from, to)| &array.values()[from..to])
    };
    let least = known().filter_map(|values| values.iter().copied().min()).min();
    let greatest = known().filter_map(|values| values.iter().copied().max()).max();
    let Some((least, greatest)) = least.zip(greatest) else {
        return (Arc::new(NullArray::new(array.len())), 0, NO_STEP);
    };
    let (least, greatest): (i64, i64) = (least.into(), greatest.into());
    let in_watt_hours = T::DATA_TYPE == DataType::Int64
        && known().all(|values| values.iter().all(|value| (*value).into() % WATT_HOUR == 0));
    if in_watt_hours {
        let stored = stored::<T, WATT_HOUR>(array, nulls, least, greatest);
        (stored, least, WATT_HOUR)
    } else {
        (stored::<T, 1>(array, nulls, least, greatest), least, 1)
    }
}

/// Each value as the number of steps from the least one.
fn stored<T, const STEP: i64>(
    array: &PrimitiveArray<T>,
    nulls: Option<&NullBuffer>,
    least: i64,
    greatest: i64,
) -> ArrayRef
where
    T: ArrowPrimitiveType,
    T::Native: Into<i64>,
{
    let steps = |value: i64| value.wrapping_sub(least) as u64 / STEP as u64;
    let cell = |value: &T::Native| steps((*value).into());
    match u32::try_from(steps(greatest)) {
        Ok(0) if nulls.is_none() => Arc::new(NullArray::new(array.len())),
        Ok(..=0xff) => cells::<T, UInt8Type>(array, nulls, |value| cell(value) as u8),
        Ok(0x100..=0xffff) => cells::<T, UInt16Type>(array, nulls, |value| cell(value) as u16),
        Ok(_) => cells::<T, UInt32Type>(array, nulls, |value| cell(value) as u32),
        Err(_) => cells::<T, UInt64Type>(array, nulls, cell),
    }
}

/// 0 stands below nulls, whatever stood there.
fn cells<T: ArrowPrimitiveType, S: ArrowPrimitiveType>(
    array: &PrimitiveArray<T>,
    nulls: Option<&NullBuffer>,
    cell: impl Fn(&T::Native) -> S::Native,
) -> ArrayRef {
    let mut cells: Vec<S::Native> = array.values().iter().map(cell).collect();
    if let Some(nulls) = nulls {
        for (row, cell) in cells.iter_mut().enumerate() {
            if nulls.is_null(row) {
                *cell = S::Native::default();
            }
        }
    }
    Arc::new(PrimitiveArray::<S>::new(cells.into(), nulls.cloned()))
}

/// The array in memory of its own: one that was read from a file is a view of all of it, and would keep all of it.
fn owned(array: &ArrayRef) -> ArrayRef {
    match array.data_type() {
        DataType::UInt64 => {
            let values = array.as_primitive::<UInt64Type>().values().to_vec();
            Arc::new(PrimitiveArray::<UInt64Type>::new(
                values.into(),
                owned_nulls(array),
            ))
        }
        DataType::Boolean => {
            let values = array.as_boolean().values();
            let values = BooleanBuffer::collect_bool(array.len(), |row| values.value(row));
            Arc::new(BooleanArray::new(values, owned_nulls(array)))
        }
        _ => array.clone(),
    }
}

/// Which rows are null, in memory of its own.
pub(super) fn owned_nulls(array: &dyn Array) -> Option<NullBuffer> {
    let nulls = array.nulls()?;
    let known = BooleanBuffer::collect_bool(array.len(), |row| nulls.is_valid(row));
    Some(NullBuffer::new(known))
}

/// The column as it was, but for what stands below nulls; `None` where the parts do not fit together.
pub(super) fn widen(
    array: &ArrayRef,
    kind: &DataType,
    metadata: &HashMap<String, String>,
) -> Option<ArrayRef> {
    let Some(base) = metadata.get("base") else {
        return (array.data_type() == kind).then(|| owned(array));
    };
    let base: i64 = base.parse().ok()?;
    let step: i64 = metadata.get("step")?.parse().ok()?;
    if step == NO_STEP {
        return Some(new_null_array(kind, array.len()));
    }
    match kind {
        DataType::Int64 => widened::<Int64Type>(array, base, step, Some),
        DataType::Int32 => widened::<Int32Type>(array, base, step, |value| i32::try_from(value).ok()),
        DataType::UInt16 => widened::<UInt16Type>(array, base, step, |value| u16::try_from(value).ok()),
        _ => None,
    }
}

fn widened<T: ArrowPrimitiveType>(
    array: &ArrayRef,
    base: i64,
    step: i64,
    fit: impl Fn(i64) -> Option<T::Native>,
) -> Option<ArrayRef> {
    let value = |stored: u64| fit(base.wrapping_add((stored as i64).wrapping_mul(step)));
    let values: Option<Vec<T::Native>> = match array.data_type() {
        DataType::Null => value(0).map(|one| vec![one; array.len()]),
        DataType::UInt8 => each::<UInt8Type, _>(array, value),
        DataType::UInt16 => each::<UInt16Type, _>(array, value),
        DataType::UInt32 => each::<UInt32Type, _>(array, value),
        DataType::UInt64 => each::<UInt64Type, _>(array, value),
        _ => None,
    };
    Some(Arc::new(PrimitiveArray::<T>::new(
        values?.into(),
        owned_nulls(array),
    )))
}

fn each<S: ArrowPrimitiveType, V>(array: &ArrayRef, value: impl Fn(u64) -> Option<V>) -> Option<Vec<V>>
where
    S::Native: ArrowNativeType + Into<u64>,
{
    let cells = array.as_primitive::<S>().values();
    cells.iter().map(|cell| value((*cell).into())).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use arrow::array::{Int64Array, UInt16Array, UInt64Array};
    use proptest::prelude::*;

    use super::*;

    fn back(array: &ArrayRef) -> (DataType, ArrayRef) {
        let (field, stored) = narrow("x", array);
        let kind = stored.data_type().clone();
        assert_eq!(field.data_type(), &kind);
        (kind, widen(&stored, array.data_type(), field.metadata()).unwrap())
    }

    #[test]
    fn a_column_takes_what_it_spans() {
        let of = |values: Vec<Option<i64>>| -> ArrayRef { Arc::new(Int64Array::from(values)) };
        for (values, kind) in [
            (vec![Some(7), Some(7)], DataType::Null),
            (vec![None, None], DataType::Null),
            (vec![None, Some(7)], DataType::UInt8),
            (vec![Some(-200), Some(55)], DataType::UInt8),
            (vec![Some(-200), Some(56)], DataType::UInt16),
            (vec![Some(-65_000_000), Some(0)], DataType::UInt16),
            (vec![Some(-65_000_001), Some(0)], DataType::UInt32),
            (vec![Some(i64::MIN), Some(i64::MAX)], DataType::UInt64),
        ] {
            let array = of(values);
            let (stored, same) = back(&array);
            assert_eq!((stored, &same), (kind, &array));
        }
        let counts: ArrayRef = Arc::new(UInt16Array::from(vec![48, 47]));
        assert_eq!(back(&counts), (DataType::UInt8, counts));
    }

    #[test]
    fn a_column_that_is_something_else_is_none() {
        let array: ArrayRef = Arc::new(UInt16Array::from(vec![65_535, 0]));
        let (field, stored) = narrow("x", &array);
        let mut metadata = field.metadata().clone();
        metadata.insert("base".to_owned(), "9".to_owned());
        assert!(
            widen(&stored, &DataType::UInt16, &metadata).is_none(),
            "beyond 16 bits"
        );
        assert!(widen(&stored, &DataType::Utf8, field.metadata()).is_none());
    }

    #[test]
    fn what_is_read_back_keeps_no_more_than_itself() {
        // As a reader of files gives arrays: views of one large piece of memory.
        let all = UInt64Array::from(vec![Some(7); 10_000]);
        let flags = BooleanArray::from(vec![Some(true); 100_000]);
        for array in [all.slice(5, 2), UInt64Array::from(vec![Some(1), None])] {
            let array: ArrayRef = Arc::new(array);
            let same = widen(&array, &DataType::UInt64, &HashMap::new()).unwrap();
            assert_eq!(&same, &array);
            assert!(
                same.get_array_memory_size() < 500,
                "{}",
                same.get_array_memory_size()
            );
        }
        let flags: ArrayRef = Arc::new(flags.slice(8, 2));
        let same = widen(&flags, &DataType::Boolean, &HashMap::new()).unwrap();
        assert_eq!(&same, &flags);
        assert!(same.get_array_memory_size() < 500);
        assert!(owned_nulls(&all.slice(1, 1)).is_none());
    }

    proptest! {
        #[test]
        fn nothing_changes(
            values in prop::collection::vec(prop::option::of(prop_oneof![any::<i64>(), -9_i64..9, (-9_i64..9).prop_map(|n| n * 1000)]), 0..40),
        ) {
            let array: ArrayRef = Arc::new(Int64Array::from(values));
            prop_assert_eq!(&back(&array).1, &array);
        }
    }
}
