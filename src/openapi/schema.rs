//! What a value is, as a JSON Schema.

use serde_json::{Map, Value, json};

use super::both;
use crate::dialects::api::call::{Kind, OTHERS, Parameter};

/// The schema of a kind.
pub fn of(kind: &Kind) -> Value {
    match kind {
        Kind::Text | Kind::Named => json!({ "type": "string" }),
        Kind::Word(words) => json!({ "type": "string", "enum": words }),
        // Not `uri`: the text is empty where there is none.
        Kind::Url => json!({ "type": "string", "format": "uri-reference" }),
        Kind::Number => json!({ "type": "integer", "format": "int64", "minimum": 0 }),
        Kind::Flag => json!({ "type": "boolean" }),
        Kind::Is(value) => json!({ "type": "boolean", "const": value }),
        Kind::File => json!({ "type": "string", "contentMediaType": "application/octet-stream" }),
        Kind::Any | Kind::Nothing => json!({}),
        Kind::OrNull(kind) => json!({ "anyOf": [of(kind), { "type": "null" }] }),
        Kind::OneOf(kinds) => json!({ "anyOf": kinds.iter().map(of).collect::<Value>() }),
        Kind::List(kind) => json!({ "type": "array", "items": of(kind) }),
        Kind::Map(kind) => json!({ "type": "object", "additionalProperties": of(kind) }),
        Kind::Object(fields) => object(fields.iter()),
    }
}

/// The schema of a form with these fields: what is an object stands in it as the text of its JSON.
pub(super) fn form<'a>(fields: impl Iterator<Item = &'a Parameter>) -> Value {
    let mut schema = object(fields);
    for field in schema["properties"].as_object_mut().into_iter().flat_map(Map::values_mut) {
        if field["type"] == "object" {
            let description = field.as_object_mut().and_then(|field| field.remove("description"));
            *field = json!({
                "type": "string",
                "contentMediaType": "application/json",
                "contentSchema": field,
                "description": description,
            });
        }
    }
    schema
}

/// The schema of an object with these fields.
pub(super) fn object<'a>(fields: impl Iterator<Item = &'a Parameter>) -> Value {
    let (mut properties, mut required, mut others) = (Map::new(), Vec::new(), None);
    for field in fields {
        let mut schema = of(&field.kind);
        schema["description"] = both(field.says, field.zh).into();
        if field.name == OTHERS {
            others = Some(schema);
            continue;
        }
        properties.insert(field.name.to_owned(), schema);
        if field.required {
            required.push(field.name);
        }
    }
    let mut schema = json!({ "type": "object" });
    if !properties.is_empty() {
        schema["properties"] = properties.into();
    }
    if !required.is_empty() {
        schema["required"] = required.into();
    }
    if let Some(others) = others {
        schema["additionalProperties"] = others;
    }
    schema
}
