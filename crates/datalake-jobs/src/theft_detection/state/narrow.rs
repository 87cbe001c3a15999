//! Integers as narrow as they fit: most counts of a day are one number, most energies multiples of a watt-hour.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, ArrowPrimitiveType, AsArray, NullArray, PrimitiveArray, new_null_array};
use arrow::buffer::NullBuffer;
use arrow::datatypes::{
    ArrowNativeType, DataType, Field, Int64Type, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};

/// Steps that are tried, the widest first: a watt-hour in 10^-6 kWh.
const STEPS: [i64; 2] = [1_000, 1];

/// Stands for the step of a column of nulls; one of a single number is stored as nulls, too, with a step.
const NO_STEP: i64 = 0;

/// The column narrowed, and its field with what [`widen`] needs to know. What is no column of energy or counts is
/// left as it is.
pub(super) fn narrow(name: &str, array: &ArrayRef) -> (Field, ArrayRef) {
    let narrowed = match array.data_type() {
        DataType::Int64 => Some(narrowed::<Int64Type>(array)),
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
    T::Native: Into<i64>,
{
    let array = array.as_primitive::<T>();
    let nulls = array.nulls().filter(|nulls| nulls.null_count() > 0);
    let value = |row: usize| array.values()[row].into();
    let known = |row: &usize| nulls.is_none_or(|nulls| nulls.is_valid(*row));
    let first = (0..array.len()).find(|row| known(row)).map(value);
    let Some(first) = first else {
        return (Arc::new(NullArray::new(array.len())), 0, NO_STEP);
    };
    let (mut least, mut greatest) = (first, first);
    let mut thousands = true;
    for row in (0..array.len()).filter(known) {
        let value = value(row);
        least = least.min(value);
        greatest = greatest.max(value);
        thousands &= value % STEPS[0] == 0;
    }
    let step = if thousands { STEPS[0] } else { STEPS[1] };
    // Values below nulls are not looked at, so they may lie anywhere.
    let span = greatest.wrapping_sub(least) as u64 / step as u64;
    let stored = |row: usize| {
        if known(&row) {
            (value(row).wrapping_sub(least) as u64) / step as u64
        } else {
            0
        }
    };
    let rows = array.len();
    let array: ArrayRef = match u32::try_from(span) {
        Ok(0) if nulls.is_none() => Arc::new(NullArray::new(rows)),
        Ok(..=0xff) => cells::<UInt8Type>(rows, nulls, |row| stored(row) as u8),
        Ok(0x100..=0xffff) => cells::<UInt16Type>(rows, nulls, |row| stored(row) as u16),
        Ok(_) => cells::<UInt32Type>(rows, nulls, |row| stored(row) as u32),
        Err(_) => cells::<UInt64Type>(rows, nulls, stored),
    };
    (array, least, step)
}

fn cells<T: ArrowPrimitiveType>(
    rows: usize,
    nulls: Option<&NullBuffer>,
    cell: impl Fn(usize) -> T::Native,
) -> ArrayRef {
    let values: Vec<T::Native> = (0..rows).map(cell).collect();
    Arc::new(PrimitiveArray::<T>::new(values.into(), nulls.cloned()))
}

/// The column as it was, but for what stands below nulls; `None` where the parts do not fit together.
pub(super) fn widen(
    array: &ArrayRef,
    kind: &DataType,
    metadata: &HashMap<String, String>,
) -> Option<ArrayRef> {
    let Some(base) = metadata.get("base") else {
        return (array.data_type() == kind).then(|| array.clone());
    };
    let base: i64 = base.parse().ok()?;
    let step: i64 = metadata.get("step")?.parse().ok()?;
    if step == NO_STEP {
        return Some(new_null_array(kind, array.len()));
    }
    match kind {
        DataType::Int64 => widened::<Int64Type>(array, base, step, Some),
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
        array.nulls().cloned(),
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
    use arrow::array::{Int64Array, UInt16Array};
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
