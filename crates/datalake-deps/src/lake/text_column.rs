//! Text columns: dictionaries whose entries are looked at once, however many rows refer to them.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayData, ArrayRef, AsArray, DictionaryArray, Float64Array, Int32Array, Int64Array, StringArray,
};
use arrow::buffer::ScalarBuffer;
use arrow::compute::cast;
use arrow::datatypes::{DataType, Int32Type, Int64Type};

use super::batch::TypeMismatch;
use super::clock::ToClock;
use super::convert::Faults;
use super::decimal::parse_micro;
use super::reject::RejectReason;
use super::timestamp::TimestampParser;

/// Reads one column of text, batch after batch.
#[derive(Debug)]
pub(crate) struct TextColumn {
    /// Whether the canonical column is a dictionary; else it is trimmed text.
    dictionary: bool,
    /// The dictionary of the batch before: the next one mostly has the same.
    cache: Option<Entries>,
    integers: IntegerTexts,
}

/// The entries of a dictionary.
#[derive(Debug)]
struct Entries {
    /// The dictionary's values as the decoder yielded them, to tell whether they are still the same.
    source: ArrayData,
    texts: StringArray,
    /// Which entries are no UTF-8, where there are any.
    invalid: Option<Vec<bool>>,
    /// Which entries are blank, where there are any.
    blank: Option<Vec<bool>>,
    /// The entries read as what the column holds, once they were.
    parsed: Option<Parsed>,
}

/// Entries read as numbers or times.
#[derive(Debug)]
struct Parsed {
    /// The value, or the bits of it where it is a float.
    values: Vec<i64>,
    /// What is wrong with each entry, where there is anything to say.
    states: Option<Vec<State>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Good,
    Blank,
    Bad(RejectReason),
}

impl TextColumn {
    pub(crate) fn new(dictionary: bool) -> Self {
        Self {
            dictionary,
            cache: None,
            integers: IntegerTexts::default(),
        }
    }

    /// Text as text: a dictionary as it is, or trimmed rows. Blank text is null.
    pub(crate) fn text(
        &mut self,
        array: &ArrayRef,
        faults: &mut Faults<'_>,
    ) -> Result<ArrayRef, TypeMismatch> {
        let dictionary = self.as_dictionary(array, "text or a whole number")?;
        let as_dictionary = self.dictionary;
        let keys = dictionary.keys();
        let entries = self.entries(&dictionary);
        if let Some(invalid) = &entries.invalid {
            for row in (0..keys.len()).filter(|row| keys.is_valid(*row) && invalid[keys.value(*row) as usize])
            {
                faults
                    .bad
                    .add(row, faults.column, RejectReason::InvalidEncoding, || {
                        Some(entries.texts.value(keys.value(row) as usize).to_owned())
                    });
            }
        }
        let keys = match &entries.blank {
            None => keys.clone(),
            Some(blank) => keys
                .iter()
                .map(|key| key.filter(|key| !blank[*key as usize]))
                .collect(),
        };
        if as_dictionary {
            let values = Arc::new(entries.texts.clone());
            if entries.blank.is_none() {
                return Ok(Arc::new(dictionary.with_values(values)));
            }
            let dictionary =
                DictionaryArray::<Int32Type>::try_new(keys, values).map_err(|error| TypeMismatch {
                    found: error.to_string(),
                    expected: "text",
                })?;
            return Ok(Arc::new(dictionary));
        }
        let rows: StringArray = keys
            .iter()
            .map(|key| key.map(|key| entries.texts.value(key as usize).trim()))
            .collect();
        Ok(Arc::new(rows))
    }

    pub(crate) fn decimals(
        &mut self,
        array: &ArrayRef,
        comma: bool,
        faults: &mut Faults<'_>,
        expected: &'static str,
    ) -> Result<Int64Array, TypeMismatch> {
        self.parsed(array, faults, expected, |text| parse_micro(text, comma))
    }

    pub(crate) fn timestamps(
        &mut self,
        array: &ArrayRef,
        parser: &TimestampParser,
        clock: &ToClock,
        faults: &mut Faults<'_>,
        expected: &'static str,
    ) -> Result<Int64Array, TypeMismatch> {
        // A number is no time: nothing says what it counts from, nor in what.
        if array.data_type().is_numeric() {
            return Err(mismatch(array, expected));
        }
        self.parsed(array, faults, expected, |text| parser.parse(text, clock))
    }

    pub(crate) fn integers(
        &mut self,
        array: &ArrayRef,
        comma: bool,
        faults: &mut Faults<'_>,
        expected: &'static str,
    ) -> Result<Int64Array, TypeMismatch> {
        self.parsed(array, faults, expected, |text| {
            let text = text.trim();
            if let Ok(integer) = text.parse() {
                return Ok(integer);
            }
            // `3.0` and `2e3` are whole numbers too.
            match parse_micro(text, comma) {
                Ok(micro) if micro % 1_000_000 == 0 => Ok(micro / 1_000_000),
                _ => Err(RejectReason::InvalidInteger),
            }
        })
    }

    pub(crate) fn floats(
        &mut self,
        array: &ArrayRef,
        comma: bool,
        faults: &mut Faults<'_>,
        expected: &'static str,
    ) -> Result<Float64Array, TypeMismatch> {
        let bits = self.parsed(array, faults, expected, |text| {
            let text = if comma {
                text.replace(',', ".")
            } else {
                text.to_owned()
            };
            let float: f64 = text.trim().parse().map_err(|_| RejectReason::InvalidNumber)?;
            Ok(float.to_bits() as i64)
        })?;
        Ok(bits.unary(|bits| f64::from_bits(bits as u64)))
    }

    /// Each row's entry as `parse` reads it; blank entries are null.
    fn parsed(
        &mut self,
        array: &ArrayRef,
        faults: &mut Faults<'_>,
        expected: &'static str,
        parse: impl Fn(&str) -> Result<i64, RejectReason>,
    ) -> Result<Int64Array, TypeMismatch> {
        let dictionary = self.as_dictionary(array, expected)?;
        let keys = dictionary.keys();
        let entries = self.entries(&dictionary);
        if entries.parsed.is_none() {
            entries.parsed = Some(entries.parse(parse));
        }
        let Some(parsed) = &entries.parsed else {
            return Err(mismatch(array, expected));
        };
        if parsed.values.is_empty() {
            return Ok(Int64Array::new_null(keys.len()));
        }
        let Some(states) = &parsed.states else {
            let values: Vec<i64> = keys
                .values()
                .iter()
                // A null row's key may be anything.
                .map(|key| parsed.values.get(*key as usize).copied().unwrap_or_default())
                .collect();
            return Ok(Int64Array::new(ScalarBuffer::from(values), keys.nulls().cloned()));
        };
        let rows = keys.iter().enumerate().map(|(row, key)| {
            let key = key? as usize;
            match states[key] {
                State::Good => Some(parsed.values[key]),
                State::Blank => None,
                State::Bad(reason) => {
                    faults.bad.add(row, faults.column, reason, || {
                        Some(entries.texts.value(key).to_owned())
                    });
                    Some(0)
                }
            }
        });
        Ok(rows.collect())
    }

    /// What is known of the dictionary's entries.
    fn entries(&mut self, dictionary: &DictionaryArray<Int32Type>) -> &mut Entries {
        let source = dictionary.values().to_data();
        let known = self.cache.take().filter(|known| known.source.ptr_eq(&source));
        self.cache
            .insert(known.unwrap_or_else(|| Entries::new(dictionary.values(), source)))
    }

    /// Any column that can be text as a dictionary of texts or bytes.
    fn as_dictionary(
        &mut self,
        array: &ArrayRef,
        expected: &'static str,
    ) -> Result<DictionaryArray<Int32Type>, TypeMismatch> {
        match array.data_type() {
            DataType::Dictionary(key, value)
                if **key == DataType::Int32 && matches!(**value, DataType::Utf8 | DataType::Binary) =>
            {
                Ok(array.as_dictionary::<Int32Type>().clone())
            }
            DataType::FixedSizeBinary(_) => one_entry_a_row(array, &DataType::Binary, expected),
            DataType::Int8
            | DataType::Int16
            | DataType::Int32
            | DataType::Int64
            | DataType::UInt8
            | DataType::UInt16
            | DataType::UInt32 => {
                let wide = cast(array, &DataType::Int64).map_err(|_| mismatch(array, expected))?;
                Ok(self.integers.dictionary(wide.as_primitive::<Int64Type>()))
            }
            DataType::Boolean
            | DataType::UInt64
            | DataType::Decimal32(_, 0)
            | DataType::Decimal64(_, 0)
            | DataType::Decimal128(_, 0)
            | DataType::Decimal256(_, 0) => one_entry_a_row(array, &DataType::Utf8, expected),
            _ => Err(mismatch(array, expected)),
        }
    }
}

fn mismatch(array: &ArrayRef, expected: &'static str) -> TypeMismatch {
    TypeMismatch {
        found: array.data_type().to_string(),
        expected,
    }
}

/// A dictionary in which each row has an entry of its own.
fn one_entry_a_row(
    array: &ArrayRef,
    to: &DataType,
    expected: &'static str,
) -> Result<DictionaryArray<Int32Type>, TypeMismatch> {
    let values = cast(array, to).map_err(|_| mismatch(array, expected))?;
    let keys = Int32Array::new((0..array.len() as i32).collect(), array.nulls().cloned());
    DictionaryArray::try_new(keys, values).map_err(|_| mismatch(array, expected))
}

impl Entries {
    fn new(values: &ArrayRef, source: ArrayData) -> Self {
        let (texts, invalid) = match values.data_type() {
            DataType::Binary => {
                let bytes = values.as_binary::<i32>();
                if let Ok(texts) = StringArray::try_from_binary(bytes.clone()) {
                    (texts, None)
                } else {
                    let is_invalid =
                        |entry: Option<&[u8]>| entry.is_some_and(|entry| std::str::from_utf8(entry).is_err());
                    let texts = bytes
                        .iter()
                        .map(|entry| entry.map(String::from_utf8_lossy))
                        .collect();
                    (texts, Some(bytes.iter().map(is_invalid).collect()))
                }
            }
            _ => (values.as_string::<i32>().clone(), None),
        };
        let is_blank = |text: Option<&str>| text.is_none_or(|text| text.trim().is_empty());
        let blank = texts
            .iter()
            .any(is_blank)
            .then(|| texts.iter().map(is_blank).collect());
        Self {
            source,
            texts,
            invalid,
            blank,
            parsed: None,
        }
    }

    fn parse(&self, parse: impl Fn(&str) -> Result<i64, RejectReason>) -> Parsed {
        let mut values = vec![0; self.texts.len()];
        let mut states = vec![State::Good; self.texts.len()];
        for (at, value) in values.iter_mut().enumerate() {
            let text = self.texts.value(at);
            states[at] = if self.blank.as_ref().is_some_and(|blank| blank[at]) {
                State::Blank
            } else if self.invalid.as_ref().is_some_and(|invalid| invalid[at]) {
                State::Bad(RejectReason::InvalidEncoding)
            } else {
                match parse(text) {
                    Ok(parsed) => {
                        *value = parsed;
                        State::Good
                    }
                    Err(reason) => State::Bad(reason),
                }
            };
        }
        let plain = states.iter().all(|state| *state == State::Good);
        Parsed {
            values,
            states: (!plain).then_some(states),
        }
    }
}

/// Integers as text, for ids that a file holds as numbers: one dictionary that grows from batch to batch.
#[derive(Debug, Default)]
struct IntegerTexts {
    keys: HashMap<i64, i32>,
    texts: Vec<String>,
    values: Option<ArrayRef>,
}

/// A dictionary of more entries is begun anew: with every new entry all of it is copied.
const INTEGER_TEXTS_LIMIT: usize = 1 << 16;

impl IntegerTexts {
    fn dictionary(&mut self, array: &Int64Array) -> DictionaryArray<Int32Type> {
        if self.texts.len() > INTEGER_TEXTS_LIMIT {
            *self = Self::default();
        }
        let known = self.texts.len();
        let keys: Int32Array = array
            .iter()
            .map(|integer| {
                let integer = integer?;
                let next = self.texts.len() as i32;
                let key = *self.keys.entry(integer).or_insert(next);
                if key == next {
                    self.texts.push(integer.to_string());
                }
                Some(key)
            })
            .collect();
        let grown = self.texts.len() > known;
        let values = match self.values.take() {
            Some(values) if !grown => values,
            _ => Arc::new(StringArray::from_iter_values(&self.texts)) as ArrayRef,
        };
        self.values = Some(values.clone());
        // Every key was handed out above, so it is the position of a text.
        DictionaryArray::new(keys, values)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dictionary_of_integers_grows_is_shared_and_begins_anew() {
        let mut integers = IntegerTexts::default();
        let batch = |from: i64| Int64Array::from_iter_values(from..from + 40_000);
        let first = integers.dictionary(&batch(0));
        let again = integers.dictionary(&batch(0));
        assert_eq!(first.values().len(), 40_000);
        assert!(first.values().to_data().ptr_eq(&again.values().to_data()));
        assert_eq!(integers.dictionary(&batch(40_000)).values().len(), 80_000);
        let anew = integers.dictionary(&batch(80_000));
        assert_eq!(anew.values().len(), 40_000);
        assert_eq!(
            anew.values()
                .as_string::<i32>()
                .value(anew.keys().value(7) as usize),
            "80007"
        );
    }
}
