//! In whose words a caller is answered: Accept-Language, Chinese or English.

use axum::http::{HeaderMap, header};

/// A language that answers are written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Language {
    /// Simplified Chinese.
    Chinese,
    /// English.
    English,
}

/// A text in both languages: Chinese, English.
pub type Localized = (&'static str, &'static str);

impl Language {
    /// The language that is liked best of those there are; of two that are liked equally the first; `otherwise` where
    /// neither is asked for.
    pub fn of(headers: &HeaderMap, otherwise: Language) -> Language {
        let given = headers.get(header::ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let mut best = (0.0, otherwise);
        for range in given.split(',') {
            let mut parts = range.split(';').map(str::trim);
            let tag = parts.next().unwrap_or_default().to_ascii_lowercase();
            let weight = parts.find_map(|part| part.strip_prefix("q=")).map_or(Some(1.0), |q| q.parse::<f32>().ok());
            let language = match tag.split(['-', '_']).next() {
                Some("zh") => Language::Chinese,
                Some("en") => Language::English,
                _ => continue,
            };
            if let Some(weight) = weight.filter(|weight| *weight > best.0) {
                best = (weight, language);
            }
        }
        best.1
    }

    /// The text in this language.
    pub fn choose<T>(self, (chinese, english): (T, T)) -> T {
        match self {
            Language::Chinese => chinese,
            Language::English => english,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_language_that_is_liked_best_is_spoken() {
        let of = |text: &str| {
            let headers = HeaderMap::from_iter([(header::ACCEPT_LANGUAGE, text.parse().unwrap())]);
            Language::of(&headers, Language::English) == Language::Chinese
        };
        for chinese in ["zh-CN", "zh", "zh-cn,en;q=0.8", "fr, zh_TW;q=0.3", "en;q=0.5, zh-Hans-CN;q=0.9", "ZH,en"] {
            assert!(of(chinese), "{chinese}");
        }
        for english in ["", "en", "en-US,zh;q=0.9", "fr", "*", "zh;q=0", "zh;q=x", "zhx", "zh;q=NaN", ";;,,"] {
            assert!(!of(english), "{english}");
        }
        for otherwise in [Language::Chinese, Language::English] {
            assert_eq!(Language::of(&HeaderMap::new(), otherwise), otherwise);
        }
    }
}
