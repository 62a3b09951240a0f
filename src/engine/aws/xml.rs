//! Just enough of XML: the texts of all elements of a name, wherever they stand. The answers of IAM and STS say everything
//! in such elements, and their emulators nest them differently.

use quick_xml::Reader;
use quick_xml::events::Event;

/// The texts of all elements with this local name, in order; what is no XML has none.
#[must_use]
pub fn texts(xml: &str, name: &str) -> Vec<String> {
    let mut reader = Reader::from_str(xml);
    let mut texts = Vec::new();
    loop {
        match reader.read_event() {
            Ok(Event::Start(start)) if start.local_name().as_ref() == name => {
                let end = start.to_end().into_owned();
                if let Some(text) = inner(&mut reader, end.name()) {
                    texts.push(text);
                }
            }
            Ok(Event::Eof) | Err(_) => return texts,
            Ok(_) => {}
        }
    }
}

fn inner(reader: &mut Reader<&[u8]>, end: quick_xml::name::QName<'_>) -> Option<String> {
    let raw = reader.read_text(end).ok()?.into_owned();
    quick_xml::escape::unescape(raw.as_ref()).map(|text| text.trim().to_owned()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_found_wherever_they_stand() {
        let xml = "<A xmlns=\"x\"><L><member><Id>1</Id></member><member><Id>a &amp; b</Id></member></L></A>";
        assert_eq!(texts(xml, "Id"), ["1", "a & b"]);
        assert!(texts(xml, "None").is_empty());
        assert!(texts("<html", "Id").is_empty());
    }
}
