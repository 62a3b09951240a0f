//! The XML that the Query APIs answer with, read as far as it is needed: the texts of the elements that hold nothing but
//! text, by name and in order. Shapes differ between AWS and its emulators, names do not.

use crate::base::Timestamp;
use quick_xml::Reader;
use quick_xml::escape::resolve_xml_entity;
use quick_xml::events::Event;
use zeroize::Zeroizing;

/// The leaves of an answer. They may hold secrets.
pub struct Answer(Vec<(String, Zeroizing<String>)>);

impl Answer {
    /// Reads a document; none if it is not XML.
    #[must_use]
    pub fn parse(xml: &str) -> Option<Self> {
        let mut reader = Reader::from_str(xml);
        let mut leaves = Vec::new();
        // The element that was opened last, while nothing but text followed.
        let mut open: Option<(String, Zeroizing<String>)> = None;
        let mut elements = 0_usize;
        loop {
            match reader.read_event().ok()? {
                Event::Start(start) => {
                    elements += 1;
                    open = Some((start.local_name().as_ref().to_owned(), Zeroizing::default()));
                }
                Event::Empty(empty) => {
                    leaves.push((empty.local_name().as_ref().to_owned(), Zeroizing::default()));
                    open = None;
                }
                Event::End(_) => leaves.extend(open.take()),
                Event::Text(text) => append(&mut open, &text),
                Event::CData(text) => append(&mut open, &text),
                Event::GeneralRef(entity) => match entity.resolve_char_ref().ok()? {
                    Some(character) => append(&mut open, character.encode_utf8(&mut [0; 4])),
                    None => append(&mut open, resolve_xml_entity(&entity)?),
                },
                Event::Eof => return (elements > 0).then_some(Self(leaves)),
                Event::Comment(_) | Event::Decl(_) | Event::PI(_) | Event::DocType(_) => {}
            }
        }
    }

    /// The texts of all elements of this name.
    pub fn all<'a, 'n>(&'a self, name: &'n str) -> impl Iterator<Item = &'a str> + use<'a, 'n> {
        self.0.iter().filter(move |(known, _)| known == name).map(|(_, text)| text.trim())
    }

    /// The first one's text, where it is not empty.
    #[must_use]
    pub fn first(&self, name: &str) -> Option<&str> {
        self.all(name).next().filter(|text| !text.is_empty())
    }
}

fn append(open: &mut Option<(String, Zeroizing<String>)>, text: &str) {
    if let Some((_, content)) = open {
        content.push_str(text);
    }
}

/// A point in time as the answers write it.
#[must_use]
pub fn moment(text: &str) -> Option<Timestamp> {
    text.parse::<jiff::Timestamp>().ok().map(|moment| Timestamp(moment.as_millisecond()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leaves_are_found_by_name_with_their_entities_resolved() {
        let xml = "<?xml version=\"1.0\"?><R xmlns=\"urn:x\"><L><member><Key>a&amp;b</Key><Value/></member>\n\
            <member><Key>&#x3c;&quot;</Key><Value> v </Value></member></L><M><![CDATA[<c>]]></M></R>";
        let answer = Answer::parse(xml).unwrap();
        assert_eq!(answer.all("Key").collect::<Vec<_>>(), ["a&b", "<\""]);
        assert_eq!(answer.all("Value").collect::<Vec<_>>(), ["", "v"]);
        assert_eq!(answer.first("M"), Some("<c>"));
        assert_eq!(answer.first("member"), None, "what holds elements is no leaf");
    }

    #[test]
    fn what_is_not_xml_is_no_answer() {
        for text in ["", "Internal Server Error", "<a>&nope;</a>", "<a></b>", "{\"Code\": \"x\"}"] {
            assert!(Answer::parse(text).is_none(), "{text}");
        }
    }

    #[test]
    fn a_point_in_time_is_read_to_the_millisecond() {
        assert_eq!(moment("2015-08-30T12:36:00Z"), Some(Timestamp(1_440_938_160_000)));
        assert_eq!(moment("2015-08-30T12:36:00.123456Z"), Some(Timestamp(1_440_938_160_123)));
        assert_eq!(moment("soon"), None);
    }
}
