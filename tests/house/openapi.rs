//! The description in the tree is the one that the program prints.

use std::path::Path;

use stanzagate::openapi;

#[test]
fn the_description_in_the_tree_is_current() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/openapi.json");
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    let current = format!("{:#}\n", openapi::document(&openapi::everything(), None));
    assert!(kept == current, "write it anew: cargo run -q -- openapi > docs/openapi.json");
}
