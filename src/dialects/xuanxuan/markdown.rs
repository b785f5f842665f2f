//! Markdown as a message that any client shows: XEP-0393 (Message Styling) where that has a mark for it, text elsewhere.

use pulldown_cmark::{CodeBlockKind, Event, Options, Parser, Tag, TagEnd};

/// Quotations and lists are shown so deep; what is deeper stands with them. Each line repeats what is before it.
const DEPTH: usize = 8;

/// What stands at the beginning of each line.
#[derive(Debug, Clone, Copy)]
enum Before {
    Quote,
    Indent(usize),
}

/// What is written so far.
#[derive(Debug, Default)]
struct Writer {
    out: String,
    before: Vec<Before>,
    /// Line breaks to write before the next text.
    breaks: usize,
    /// How much of `before` stands on the empty lines among them: what the texts before and behind them share.
    shared: usize,
    /// Marks that are open, as they were begun; `None` for one that has no mark here.
    marks: Vec<Option<char>>,
    /// Numbers of the lists that are open; `None` for one without.
    lists: Vec<Option<u64>>,
    /// Where the text of a link or picture begins, and where it leads.
    links: Vec<(usize, String)>,
    /// Whether text is to be taken as it is.
    code: bool,
}

/// The text with XEP-0393's marks.
pub fn styled(markdown: &str) -> String {
    let mut writer = Writer::default();
    for event in Parser::new_ext(markdown, Options::ENABLE_STRIKETHROUGH) {
        writer.take(event);
    }
    writer.out
}

impl Writer {
    fn take(&mut self, event: Event<'_>) {
        match event {
            Event::Start(tag) => self.start(tag),
            Event::End(tag) => self.end(tag),
            Event::Text(text) if self.code => self.lines(&text),
            Event::Text(text) => self.text(&text),
            Event::Code(code) => match code.contains('`') {
                true => self.text(&code),
                false => {
                    self.open('`');
                    self.text(&code);
                    self.close();
                }
            },
            Event::Html(html) | Event::InlineHtml(html) => match html.trim().to_ascii_lowercase().as_str() {
                "<br>" | "<br/>" | "<br />" => self.new_line(),
                _ => self.lines(html.trim_end_matches('\n')),
            },
            // A mark ends with its line.
            Event::SoftBreak if self.marks.iter().any(Option::is_some) => self.text(" "),
            Event::SoftBreak | Event::HardBreak => self.new_line(),
            Event::Rule => {
                self.block(2);
                self.text("---");
                self.block(2);
            }
            _ => {}
        }
    }

    fn start(&mut self, tag: Tag<'_>) {
        match tag {
            Tag::Paragraph | Tag::HtmlBlock => self.block(if self.lists.is_empty() { 2 } else { 1 }),
            Tag::Heading { .. } => {
                self.block(2);
                self.open('*');
            }
            Tag::BlockQuote(_) => {
                self.block(2);
                self.before.push(Before::Quote);
            }
            Tag::CodeBlock(kind) => {
                self.block(2);
                self.text("```");
                if let CodeBlockKind::Fenced(language) = kind {
                    self.text(&language);
                }
                self.block(1);
                self.code = true;
            }
            Tag::List(first) => {
                self.block(if self.lists.is_empty() { 2 } else { 1 });
                self.lists.push(first);
            }
            Tag::Item => self.item(),
            Tag::Strong => self.open('*'),
            Tag::Emphasis => self.open('_'),
            Tag::Strikethrough => self.open('~'),
            Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. } => {
                self.flush();
                self.links.push((self.out.len(), dest_url.into_string()));
            }
            _ => {}
        }
    }

    fn end(&mut self, tag: TagEnd) {
        match tag {
            TagEnd::Paragraph | TagEnd::HtmlBlock => self.block(1),
            TagEnd::Heading(_) => {
                self.close();
                self.block(2);
            }
            TagEnd::BlockQuote(_) => {
                self.leave();
                self.block(2);
            }
            TagEnd::CodeBlock => {
                self.code = false;
                self.breaks = self.breaks.min(1);
                self.block(1);
                self.text("```");
                self.block(2);
            }
            TagEnd::List(_) => {
                self.lists.pop();
                self.block(if self.lists.is_empty() { 2 } else { 1 });
            }
            TagEnd::Item => {
                self.leave();
                self.block(1);
            }
            TagEnd::Strong | TagEnd::Emphasis | TagEnd::Strikethrough => self.close(),
            TagEnd::Link | TagEnd::Image => self.lead(),
            _ => {}
        }
    }

    /// What comes next begins so many lines below, one of them its own.
    fn block(&mut self, breaks: usize) {
        if !self.out.is_empty() {
            self.due(self.breaks.max(breaks));
        }
    }

    fn due(&mut self, breaks: usize) {
        if self.breaks == 0 {
            self.shared = self.before.len();
        }
        self.breaks = breaks;
    }

    fn leave(&mut self) {
        self.before.pop();
        self.shared = self.shared.min(self.before.len());
    }

    fn item(&mut self) {
        self.block(1);
        let mark = match self.lists.last_mut() {
            Some(Some(number)) => {
                let mark = format!("{number}. ");
                *number = number.saturating_add(1);
                mark
            }
            _ => "- ".to_owned(),
        };
        self.text(&mark);
        self.before.push(Before::Indent(mark.len()));
    }

    /// Writes the line breaks that are due, each line with what stands before it.
    fn flush(&mut self) {
        let first = self.out.is_empty() && !self.before.is_empty();
        let shared = self.before.iter().take(self.shared.min(DEPTH));
        let quotes: String = shared.filter(|before| matches!(before, Before::Quote)).map(|_| '>').collect();
        for left in (0..std::mem::take(&mut self.breaks)).rev() {
            self.out.push('\n');
            match left {
                0 => self.begin_line(),
                _ => self.out.push_str(&quotes),
            }
        }
        if first {
            self.begin_line();
        }
    }

    fn begin_line(&mut self) {
        for before in self.before.iter().take(DEPTH) {
            match before {
                Before::Quote => self.out.push_str("> "),
                Before::Indent(width) => self.out.extend(std::iter::repeat_n(' ', *width)),
            }
        }
    }

    fn text(&mut self, text: &str) {
        self.flush();
        self.out.push_str(text);
    }

    fn lines(&mut self, text: &str) {
        for (n, line) in text.split('\n').enumerate() {
            if n > 0 {
                self.due(self.breaks + 1);
            }
            if !line.is_empty() {
                self.text(line);
            }
        }
    }

    /// A line break within a paragraph. Marks end with their line: those that are open begin anew on the next one.
    fn new_line(&mut self) {
        let open = std::mem::take(&mut self.marks);
        open.iter().rev().flatten().for_each(|mark| self.out.push(*mark));
        self.due(self.breaks + 1);
        self.flush();
        open.iter().flatten().for_each(|mark| self.out.push(*mark));
        self.marks = open;
    }

    /// Begins a mark, if it can be seen there: at the beginning of a line, behind a blank, or behind another mark. Chinese
    /// has no blanks between words, but may have one where a mark is; in other scripts it would tear a word apart.
    fn open(&mut self, mark: char) {
        self.flush();
        let last = self.out.chars().next_back();
        let seen =
            last.is_none_or(char::is_whitespace) || last.is_some_and(|last| self.marks.last() == Some(&Some(last)));
        let apart = !seen && last.is_some_and(|last| !last.is_ascii() && !last.is_whitespace());
        if self.marks.contains(&Some(mark)) || !(seen || apart) {
            self.marks.push(None);
            return;
        }
        if apart {
            self.out.push(' ');
        }
        self.out.push(mark);
        self.marks.push(Some(mark));
    }

    fn close(&mut self) {
        if let Some(Some(mark)) = self.marks.pop() {
            self.out.push(mark);
        }
    }

    /// Behind the text of a link or picture: where it leads, if the text is not that itself.
    fn lead(&mut self) {
        let Some((from, url)) = self.links.pop() else { return };
        let text = self.out.get(from..).unwrap_or_default();
        if text == url || url.is_empty() {
            return;
        }
        let lead = if text.is_empty() { url } else { format!(" <{url}>") };
        self.out.push_str(&lead);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn marks_are_those_of_message_styling() {
        for (markdown, expected) in [
            ("plain & <text> 张三", "plain & <text> 张三"),
            ("**bold** *it* _it_ ~~gone~~ `a*b`", "*bold* _it_ _it_ ~gone~ `a*b`"),
            ("**测试消息**内容", "*测试消息*内容"),
            ("请看**这里**，`x`", "请看 *这里*， `x`"),
            ("un**frigging**believable", "unfriggingbelievable"),
            ("***both***", "_*both*_"),
            ("**a **b** c**", "*a b c*"),
            ("# Head **line**\ntext", "*Head line*\n\ntext"),
            ("a\nb  \nc\n\nd", "a\nb\nc\n\nd"),
            ("**one\ntwo**", "*one two*"),
            ("**one  \ntwo**", "*one*\n*two*"),
            ("[text](https://x.example)张", "text <https://x.example>张"),
            ("<https://x.example>", "https://x.example"),
            ("![alt](https://x.example/i.png)", "alt <https://x.example/i.png>"),
            ("![](https://x.example/i.png)", "https://x.example/i.png"),
            ("- a\n- b\n  - c\n\nd", "- a\n- b\n  - c\n\nd"),
            ("3. a\n4. b", "3. a\n4. b"),
            ("> a\n> b\n>\n> c\n\nd", "> a\n> b\n>\n> c\n\nd"),
            ("```\nx\n```\n> a\n> > b", "```\nx\n```\n\n> a\n>\n> > b"),
            ("a\n\n> b\n\n> ```\n> x\n>\n> y\n> ```", "a\n\n> b\n\n> ```\n> x\n>\n> y\n> ```"),
            ("```rust\nlet x = \"*\";\n\n  y\n```\nz", "```rust\nlet x = \"*\";\n\n  y\n```\n\nz"),
            ("a<br>b", "a\nb"),
            ("| a | b |\n|---|---|\n| 1 | 2 |", "| a | b |\n|---|---|\n| 1 | 2 |"),
            ("a\n\n***\n\nb", "a\n\n---\n\nb"),
            ("``a`b``", "a`b"),
            ("", ""),
        ] {
            assert_eq!(styled(markdown), expected, "{markdown:?}");
        }
    }

    #[test]
    fn a_text_does_not_grow_beyond_measure() {
        let quotes = format!("{}\n{}", ">".repeat(20_000), "a\n".repeat(20_000));
        let lists = (0..200).map(|n| format!("{}- a\n", "  ".repeat(n))).collect::<String>();
        for hostile in [quotes, lists, "**_~~`[".repeat(10_000), "![".repeat(30_000), "a  \n**b ".repeat(8_000)] {
            let written = styled(&hostile);
            assert!(written.len() < 16 * hostile.len(), "{} of {}", written.len(), hostile.len());
        }
    }

    proptest! {
        #[test]
        fn nothing_that_is_written_is_lost(words in prop::collection::vec("[a-z张三]{1,5}", 1..20), marks in prop::collection::vec("[ *_~`>#\n-]{1,4}", 20)) {
            let text: String = words.iter().zip(&marks).map(|(word, mark)| format!("{mark}{word}")).collect();
            let shown = styled(&text);
            for word in &words {
                prop_assert!(shown.contains(word.as_str()), "{word:?} of {text:?} is not in {shown:?}");
            }
        }
    }
}
