//! What an independent parser reads, as the tree that the gateway should have.

use minidom::{Element, Node};
use roxmltree::{Document, ParsingOptions};
use rxml::{Namespace, NcName};

/// The only child element of a well-formed document's root; `None` when there is not exactly one, or text beside it, or
/// the document is not well-formed. Nor where a name is one that rxml takes for none, such as U+FEFF.
pub fn only_child(document: &str) -> Option<Element> {
    let options = ParsingOptions { allow_dtd: false, ..ParsingOptions::default() };
    let document = Document::parse_with_options(document, options).ok()?;
    let mut children = document.root_element().children();
    let child = children.next().filter(|child| child.is_element() && children.next().is_none())?;
    converted(child)
}

fn converted(root: roxmltree::Node<'_, '_>) -> Option<Element> {
    let namespace = |name: Option<&str>| name.unwrap_or_default().to_owned();
    let name = NcName::try_from(root.tag_name().name()).ok()?;
    let mut element = Element::bare(name, namespace(root.tag_name().namespace()));
    for attribute in root.attributes() {
        let name = NcName::try_from(attribute.name()).ok()?;
        let space = Namespace::from(namespace(attribute.namespace()));
        element.attrs_mut().insert(space, name, attribute.value().to_owned());
    }
    for node in root.children() {
        match node.text().filter(|_| node.is_text()) {
            Some(text) => element.append_text(text),
            None if node.is_element() => drop(element.append_child(converted(node)?)),
            None => {}
        }
    }
    Some(element)
}

/// With neighbouring texts as one and without empty ones, which XML cannot tell apart.
pub fn normal(element: &Element) -> Element {
    let mut kept = Element::bare(element.name(), element.ns());
    *kept.attrs_mut() = element.attrs().clone();
    for node in element.nodes() {
        match node {
            Node::Text(text) if text.is_empty() => {}
            Node::Text(text) => kept.append_text(text.clone()),
            Node::Element(child) => drop(kept.append_child(normal(child))),
        }
    }
    kept
}

/// Without the attributes of XML's own that are not written.
pub fn written(sent: &Element) -> Element {
    let mut sent = sent.clone();
    sent.attrs_mut().retain(|ns, name, _| *ns != rxml::Namespace::XML || name.as_str() == "lang");
    for child in sent.children_mut() {
        *child = written(child);
    }
    sent
}
