//! Fields: what is gathered from their columns, and how they are encoded then.

use arrow_array::Array;
use mmtl_plan::{Field, FieldKind, Vocabulary as SchemaVocabulary};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::card::{Card, FieldCard, FieldRule, FillValue, Keep, TimePart, TimeUnit};
use crate::columns::FieldColumn;
use crate::error::DataError;
use crate::prepare::impute::{ImputeFit, Imputer};
use crate::prepare::lists::Lists;
use crate::prepare::number_fit::{Bins, NumberFit, Scale};
use crate::prepare::numbers::{missing, numbers, texts};
use crate::prepare::parts::Numbers;
use crate::prepare::scenes::bin_names;
use crate::prepare::text::each_word;
use crate::prepare::times::times;
use crate::prepare::vocabulary::{MISSING_ID, RESERVED, Vocabulary, VocabularyFit};
use crate::prepare::words::{MISSING, Words};
use crate::table::Piece;

const BEYOND_32_BITS: &str = "a number that 32 bits can hold";

/// What an id stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Meaning {
    /// Every value that train rows do not have, or too seldom.
    Unseen,
    /// No value.
    Missing,
    /// This one.
    Value(String),
}

impl Meaning {
    /// A word for which of the three it is.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Unseen => "unseen",
            Self::Missing => "missing",
            Self::Value(_) => "value",
        }
    }

    /// The value, if it stands for one.
    pub fn value(&self) -> Option<&str> {
        if let Self::Value(value) = self { Some(value) } else { None }
    }
}

/// What train rows say about the fields.
pub(crate) struct FieldFits {
    vocabularies: Vec<VocabularyFit>,
    /// How many numbers of categories there is still room for.
    room: usize,
    /// One for each field of the card; `None` for those that only need their vocabulary.
    numbers: Vec<Option<NumberFit>>,
    imputes: Vec<ImputeFit>,
}

/// How the fields of the schema, but for the scene's, are made.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Encoders {
    vocabularies: Vec<Vocabulary>,
    fields: Vec<Encoder>,
    /// One for each field of the card.
    imputers: Vec<Imputer>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Encoder {
    name: String,
    column: String,
    separator: String,
    /// The card's field it is made from.
    card: usize,
    rule: Rule,
}

#[derive(Debug, Serialize, Deserialize)]
enum Rule {
    Category { vocabulary: usize },
    Text { vocabulary: usize, max_tokens: usize },
    List { vocabulary: usize, max: usize, keep: Keep },
    Time(TimePart, TimeUnit),
    Number(Scale),
    Bins(Bins),
    Indicator,
}

impl FieldFits {
    /// `room` is about how many numbers of categories are kept.
    pub(crate) fn new(card: &Card, room: usize) -> Self {
        let number_fit = |field: &FieldCard| match field.rule {
            FieldRule::Category { .. } | FieldRule::Text { .. } | FieldRule::List { .. } | FieldRule::Time(..) => None,
            FieldRule::Number { clip, transform, missing, .. } => {
                Some(NumberFit::new(clip, transform, missing.with == FillValue::Median))
            }
            FieldRule::Bins { .. } => Some(NumberFit::of_bins()),
        };
        Self {
            vocabularies: card.vocabularies.iter().map(|_| VocabularyFit::default()).collect(),
            room,
            numbers: card.fields.iter().map(number_fit).collect(),
            imputes: card.fields.iter().map(|field| ImputeFit::new(&field.impute)).collect(),
        }
    }

    /// Adds the rows of a piece for which `train` holds; `ids` is what they are known by. Categories are numbered on the
    /// way, so that they need not be looked for again, while there is room for the numbers.
    ///
    /// # Errors
    /// When a column is not there or is of another type.
    pub(crate) fn add(
        &mut self,
        card: &Card,
        piece: &Piece,
        ids: &[u64],
        train: &[bool],
    ) -> Result<Option<Numbers>, DataError> {
        let mut known = (self.room > 0).then(Numbers::new);
        for ((field, number_fit), impute) in card.fields.iter().zip(&mut self.numbers).zip(&mut self.imputes) {
            let column = piece.column(&field.column)?;
            match field.rule {
                FieldRule::Category { vocabulary } => {
                    let words = Words::of(&column)?;
                    let counts = words.counts(|at| train[at]);
                    let fit = &mut self.vocabularies[vocabulary];
                    // Of more values than rows, those alone are kept with the piece that its rows have.
                    let few = words.values.len() <= piece.rows();
                    let numbers = if few && known.is_some() {
                        fit.number(words.values.iter(), &counts)
                    } else {
                        words.values.iter().zip(counts).for_each(|(word, count)| fit.add(word, count));
                        vec![]
                    };
                    if let Some(known) = &mut known {
                        known.push(numbers);
                    }
                }
                FieldRule::Text { vocabulary, max_tokens } => {
                    let (texts, mut lower) = (texts(&column)?, String::new());
                    for at in (0..texts.len()).filter(|&at| train[at] && texts.is_valid(at)) {
                        each_word(texts.value(at), max_tokens, &mut lower, |word| {
                            self.vocabularies[vocabulary].add(word, 1);
                        });
                    }
                }
                FieldRule::List { vocabulary, max, keep } => {
                    let (lists, mut items) = (Lists::of(&column, &field.separator)?, vec![]);
                    for at in (0..piece.rows()).filter(|&at| train[at]) {
                        lists.row(at, max, keep, &mut items);
                        for item in &items {
                            self.vocabularies[vocabulary].add(item, 1);
                        }
                    }
                }
                FieldRule::Time(..) => {}
                FieldRule::Number { .. } | FieldRule::Bins { .. } => {
                    let values = numbers(&column)?;
                    let fit = number_fit.as_mut().expect("fields of numbers are fitted");
                    for (at, value) in values.iter().enumerate().filter(|(at, _)| train[*at]) {
                        if !fit.add(ids[at], *value) {
                            return Err(column.value_error(at, format!("{value:e}"), BEYOND_32_BITS));
                        }
                    }
                    impute.add(piece, ids, train, &values)?;
                }
            }
        }
        self.room = self.room.saturating_sub(known.iter().flatten().map(Vec::len).sum());
        Ok(known)
    }

    pub(crate) fn finish(self, card: &Card) -> Encoders {
        let vocabularies = self.vocabularies.into_par_iter().zip(&card.vocabularies);
        let vocabularies = vocabularies.map(|(fit, card)| fit.finish(card)).collect();
        let mut fields = vec![];
        for (f, (field, fit)) in card.fields.iter().zip(&self.numbers).enumerate() {
            let mut push = |name: String, rule| {
                let (column, separator) = (field.column.clone(), field.separator.clone());
                fields.push(Encoder { name, column, separator, card: f, rule });
            };
            let fill = match (field.rule, fit) {
                (FieldRule::Number { standardise, missing, .. }, Some(fit)) => {
                    push(field.name.clone(), Rule::Number(fit.scale(standardise, missing)));
                    Some(missing)
                }
                (FieldRule::Bins { bins, missing }, Some(fit)) => {
                    push(field.name.clone(), Rule::Bins(fit.bins(bins, missing)));
                    missing
                }
                (FieldRule::Category { vocabulary }, _) => {
                    push(field.name.clone(), Rule::Category { vocabulary });
                    None
                }
                (FieldRule::Text { vocabulary, max_tokens }, _) => {
                    push(field.name.clone(), Rule::Text { vocabulary, max_tokens });
                    None
                }
                (FieldRule::List { vocabulary, max, keep }, _) => {
                    push(field.name.clone(), Rule::List { vocabulary, max, keep });
                    None
                }
                (FieldRule::Time(part, unit), _) => {
                    push(field.name.clone(), Rule::Time(part, unit));
                    None
                }
                (FieldRule::Number { .. } | FieldRule::Bins { .. }, None) => {
                    unreachable!("fields of numbers are fitted")
                }
            };
            let misses = fit.as_ref().is_some_and(NumberFit::misses);
            if misses && fill.is_some_and(|fill| fill.indicator) {
                push(format!("{}_missing", field.name), Rule::Indicator);
            }
        }
        let imputers = self.imputes.into_iter().map(ImputeFit::finish).collect();
        Encoders { vocabularies, fields, imputers }
    }
}

impl Encoders {
    /// The card's field that each encoded field is made from.
    pub(crate) fn origins(&self) -> impl Iterator<Item = usize> {
        self.fields.iter().map(|field| field.card)
    }

    /// The fields and vocabularies of a schema whose vocabulary 0 is the scene's.
    pub(crate) fn schema(&self, card: &Card) -> (Vec<Field>, Vec<SchemaVocabulary>) {
        let (mut vocabularies, mut fields) = (vec![], vec![]);
        // Those that several fields share are listed once, those of no field not at all.
        let mut listed: Vec<Option<usize>> = vec![None; self.vocabularies.len()];
        let mut shared = |v: usize, vocabularies: &mut Vec<SchemaVocabulary>| {
            *listed[v].get_or_insert_with(|| {
                let size = self.vocabularies[v].size();
                vocabularies.push(SchemaVocabulary { name: card.vocabularies[v].name.clone(), size });
                vocabularies.len()
            })
        };
        let own = |name: &str, size: usize, vocabularies: &mut Vec<SchemaVocabulary>| {
            vocabularies.push(SchemaVocabulary { name: name.to_owned(), size });
            FieldKind::Categorical { vocabulary: vocabularies.len() }
        };
        for field in &self.fields {
            let kind = match &field.rule {
                Rule::Category { vocabulary } => {
                    FieldKind::Categorical { vocabulary: shared(*vocabulary, &mut vocabularies) }
                }
                Rule::Text { vocabulary, max_tokens } => {
                    FieldKind::Tokens { vocabulary: shared(*vocabulary, &mut vocabularies), max: *max_tokens }
                }
                Rule::List { vocabulary, max, .. } => {
                    FieldKind::Tokens { vocabulary: shared(*vocabulary, &mut vocabularies), max: *max }
                }
                Rule::Number(_) | Rule::Indicator => FieldKind::Numeric,
                Rule::Time(part, _) => own(&field.name, RESERVED as usize + part.size(), &mut vocabularies),
                Rule::Bins(bins) => own(&field.name, bins.size(), &mut vocabularies),
            };
            fields.push(Field { name: field.name.clone(), kind });
        }
        (fields, vocabularies)
    }

    /// What the ids of each field stand for, reserved ones first; `None` for numbers.
    pub(crate) fn meanings(&self) -> impl Iterator<Item = Option<Vec<Meaning>>> {
        self.fields.iter().map(|field| {
            let values: Vec<String> = match &field.rule {
                Rule::Category { vocabulary } | Rule::Text { vocabulary, .. } | Rule::List { vocabulary, .. } => {
                    self.vocabularies[*vocabulary].words().map(str::to_owned).collect()
                }
                Rule::Time(part, _) => part.values(),
                Rule::Bins(bins) => bin_names(bins.cuts()),
                Rule::Number(_) | Rule::Indicator => return None,
            };
            let values = values.into_iter().map(Meaning::Value);
            Some([Meaning::Unseen, Meaning::Missing].into_iter().chain(values).collect())
        })
    }

    /// Adds the rows `kept` of a piece to the columns of the fields. `known` is what [`FieldFits::add`] returned for this
    /// piece, if it was one of those that were fitted.
    ///
    /// # Errors
    /// When a column is not there or is of another type.
    pub(crate) fn encode(
        &self,
        piece: &Piece,
        kept: &[usize],
        known: Option<&Numbers>,
        fields: &mut [FieldColumn],
    ) -> Result<(), DataError> {
        let mut known = known.into_iter().flatten();
        // A time usually has several parts.
        let (mut read, mut of_column) = (None, vec![]);
        for (encoder, out) in self.fields.iter().zip(fields) {
            let column = piece.column(&encoder.column)?;
            match (&encoder.rule, out) {
                (Rule::Category { vocabulary }, FieldColumn::Ids(out)) => {
                    let (words, vocabulary) = (Words::of(&column)?, &self.vocabularies[*vocabulary]);
                    let numbers = known.next().filter(|numbers| numbers.len() == words.values.len());
                    let ids: Vec<u32> = match numbers {
                        Some(numbers) => {
                            let numbered = numbers.iter().zip(words.values.iter());
                            numbered.map(|(&number, word)| vocabulary.id_of_number(number, word)).collect()
                        }
                        None => words.values.iter().map(|word| vocabulary.id(word)).collect(),
                    };
                    let id = |key: u32| if key == MISSING { MISSING_ID } else { ids[key as usize] };
                    out.extend(kept.iter().map(|&at| id(words.keys[at])));
                }
                (Rule::Text { vocabulary, max_tokens }, FieldColumn::Tokens { ids, starts }) => {
                    let (texts, mut lower) = (texts(&column)?, String::new());
                    for &at in kept {
                        let text = if texts.is_valid(at) { texts.value(at) } else { "" };
                        let vocabulary = &self.vocabularies[*vocabulary];
                        each_word(text, *max_tokens, &mut lower, |word| ids.push(vocabulary.id(word)));
                        starts.push(ids.len() as u32);
                    }
                }
                (Rule::List { vocabulary, max, keep }, FieldColumn::Tokens { ids, starts }) => {
                    let (lists, mut items) = (Lists::of(&column, &encoder.separator)?, vec![]);
                    for &at in kept {
                        lists.row(at, *max, *keep, &mut items);
                        ids.extend(items.iter().map(|item| self.vocabularies[*vocabulary].id(item)));
                        starts.push(ids.len() as u32);
                    }
                }
                (Rule::Time(part, unit), FieldColumn::Ids(out)) => {
                    let wanted = Some((&encoder.column, *unit));
                    if read != wanted {
                        (read, of_column) = (wanted, times(&column, *unit)?);
                    }
                    let id = |time: f64| part.of(time).map_or(MISSING_ID, |part| RESERVED + part);
                    out.extend(kept.iter().map(|&at| of_column[at].map_or(MISSING_ID, id)));
                }
                (Rule::Number(scale), FieldColumn::Numeric(out)) => {
                    let mut values = numbers(&column)?;
                    self.imputers[encoder.card].fill(piece, &mut values)?;
                    for &at in kept {
                        let number = scale.apply(values[at]);
                        if !number.is_finite() {
                            return Err(column.value_error(at, format!("{:e}", values[at]), BEYOND_32_BITS));
                        }
                        out.push(number);
                    }
                }
                (Rule::Bins(bins), FieldColumn::Ids(out)) => {
                    let mut values = numbers(&column)?;
                    self.imputers[encoder.card].fill(piece, &mut values)?;
                    out.extend(kept.iter().map(|&at| bins.id(values[at])));
                }
                (Rule::Indicator, FieldColumn::Numeric(out)) => {
                    let missing = missing(&column)?;
                    out.extend(kept.iter().map(|&at| f32::from(u8::from(missing[at]))));
                }
                (
                    Rule::Category { .. }
                    | Rule::Text { .. }
                    | Rule::List { .. }
                    | Rule::Time(..)
                    | Rule::Number(_)
                    | Rule::Bins(_)
                    | Rule::Indicator,
                    FieldColumn::Ids(_) | FieldColumn::Tokens { .. } | FieldColumn::Numeric(_) | FieldColumn::Scene,
                ) => unreachable!("columns are made for their encoders"),
            }
        }
        Ok(())
    }
}
