//! Data forms (XEP-0004), as far as submitting and reading fields goes.

use xmpp_parsers::data_forms::{DataForm, DataFormType, Field};
pub use xmpp_parsers::ns::DATA_FORMS as NS;

use crate::xml::Element;

/// A form to submit: its FORM_TYPE and its fields.
pub fn submit<'a>(form_type: &str, fields: impl IntoIterator<Item = (&'a str, &'a str)>) -> Element {
    let fields = fields.into_iter().map(|(name, value)| Field::text_single(name, value)).collect();
    DataForm::new(DataFormType::Submit, form_type, fields).into()
}

/// The form inside `parent`, if there is one.
pub fn inside(parent: &Element) -> Option<&Element> {
    parent.get_child("x", NS)
}

/// True when the form offers the field.
pub fn offers(form: &Element, name: &str) -> bool {
    find(form, name).is_some()
}

/// The values of a field.
pub fn values(form: &Element, name: &str) -> Vec<String> {
    find(form, name).map(|field| children_named(field, "value").map(Element::text).collect()).unwrap_or_default()
}

/// The options of a list field: label (else value) and value.
pub fn options(form: &Element, name: &str) -> Vec<(String, String)> {
    let Some(field) = find(form, name) else { return Vec::new() };
    children_named(field, "option")
        .filter_map(|option| {
            let value = option.get_child("value", NS)?.text();
            Some((option.attr("label").map_or_else(|| value.clone(), str::to_owned), value))
        })
        .collect()
}

fn find<'a>(form: &'a Element, name: &str) -> Option<&'a Element> {
    children_named(form, "field").find(|field| field.attr("var") == Some(name))
}

fn children_named<'a>(parent: &'a Element, name: &'static str) -> impl Iterator<Item = &'a Element> {
    parent.children().filter(move |child| child.is(name, NS))
}
