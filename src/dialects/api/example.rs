//! A call's example as a line for a shell.

use super::call::{About, Method};

/// A curl line that makes the example of a call at the gateway with this URL. `headers` is what the caller shows, one header
/// each; `fill` says what stands in place of `{domain}` and the like. No part of an example holds a single quote.
pub fn curl(about: &About, url: &str, headers: &[String], fill: impl Fn(&str) -> String) -> String {
    let (path, body) = (fill(about.example.path), fill(about.example.body));
    let mut line = if about.gives_headers.is_empty() { "curl" } else { "curl -i" }.to_owned();
    let usual = if body.is_empty() { Method::Get } else { Method::Post };
    if let Some(method) = about.methods.first().filter(|_| !about.methods.contains(&usual)) {
        line.push_str(&format!(" -X {}", method.name()));
    }
    for header in headers {
        line.push_str(&format!(" -H '{header}'"));
    }
    if !body.is_empty() {
        line.push_str(&format!(" -d '{body}'"));
    }
    line.push_str(&format!(" '{url}{path}'"));
    line
}

#[cfg(test)]
mod tests {
    use super::super::call::Method::{Get, Post, Put};
    use super::*;

    #[test]
    fn an_example_is_a_line_that_a_shell_takes() {
        let line = |methods, path, body| {
            let about = About::new("name", methods, "/path", "Does it.", "做。").example(path, body);
            curl(&about, "http://h", &["K: v".to_owned()], |text| text.replace("{domain}", "example.org"))
        };
        assert_eq!(line(&[Get, Post], "/p?a=b", ""), "curl -H 'K: v' 'http://h/p?a=b'");
        assert_eq!(
            line(&[Get, Post], "/p", "{\"a\":\"u@{domain}\"}"),
            "curl -H 'K: v' -d '{\"a\":\"u@example.org\"}' 'http://h/p'"
        );
        assert_eq!(line(&[Post], "/p", ""), "curl -X POST -H 'K: v' 'http://h/p'");
        assert_eq!(line(&[Put], "/p", "{}"), "curl -X PUT -H 'K: v' -d '{}' 'http://h/p'");
    }
}
