//! The page around all of it: one file that needs nothing else.
//!
//! Its content security policy allows the one script and the one style sheet by their digests, and nothing from
//! anywhere else, so that not even a fault in here could let text of the data do anything.

use super::{packed, text};

const STYLE: &str = include_str!("report.css");
const SCRIPT: &str = include_str!("report.js");

/// The parts of a page.
pub(super) struct Page {
    /// First and last day with data.
    pub(super) days: Option<(i32, i32)>,
    pub(super) cases: usize,
    pub(super) overview: String,
    pub(super) list: String,
    /// Groups of packs, in the order of the ranks.
    pub(super) groups: Vec<String>,
}

/// A file of these jobs up to its body, with the style sheet and leave for no other script than this one.
pub(crate) fn begin(title: &str, script: Option<&str>) -> String {
    format!(
        "<!DOCTYPE html>\n<html lang=en>\n<head>\n<meta charset=utf-8>\n<meta name=viewport content=\"width=device-width,initial-scale=1\">\n\
         <meta name=color-scheme content=\"light dark\">\n<meta name=referrer content=no-referrer>\n\
         <meta http-equiv=Content-Security-Policy content=\"default-src 'none'; script-src {}; style-src {}; base-uri 'none'; form-action 'none'\">\n\
         <title>{}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n",
        script.map_or_else(|| "'none'".to_owned(), packed::policy_digest),
        packed::policy_digest(STYLE),
        text::escape(title),
    )
}

/// The file.
pub(super) fn html(page: &Page) -> String {
    let size = page.groups.iter().map(String::len).sum::<usize>() + page.list.len() + page.overview.len();
    let mut out = String::with_capacity(size + (64 << 10));
    let days = page.days.map_or_else(
        || "No data.".to_owned(),
        |(first, last)| {
            format!(
                "Data from {} to {}.",
                text::long_date(first),
                text::long_date(last)
            )
        },
    );
    out += &begin("Suspected service points", Some(SCRIPT));
    out += &format!(
        "<a class=skip href=#cases>To the list of cases</a>\n\
         <header class=top><h1>Suspected service points</h1><p class=sub>{days} What is listed is suspected by the rules of the job, and \
         proved by nothing in here.</p><nav aria-label=\"Parts of the page\"><a href=#overview>Overview</a><a href=#cases>Cases</a></nav></header>\n<main>\n\
         <noscript><p class=note>Without JavaScript the overview and the list can be read; searching, sorting and the evidence of single cases \
         need it.</p></noscript>\n",
    );
    out += &page.overview;
    out += &format!(
        "\n<section id=cases aria-labelledby=h-cases><h2 id=h-cases tabindex=-1>Cases</h2><div class=tools hidden>\
         <label for=q>Search</label><input id=q type=search autocomplete=off spellcheck=false placeholder=\"id, device, reason\">\
         <output id=shown for=q aria-live=polite>{}</output><span class=pages><button type=button id=prev-page>Previous</button>\
         <button type=button id=next-page>Next</button></span><button type=button id=print-list>Print the packs shown</button></div>\
         <div class=scroll>",
        text::counted(page.cases as u64, "case", "cases")
    );
    out += &page.list;
    out += "</div></section>\n<section id=case hidden aria-label=\"Evidence of a case\"><div class=tools><button type=button id=back>All cases</button>\
            <button type=button id=prev-case>Previous case</button><button type=button id=next-case>Next case</button>\
            <button type=button id=print-case>Print</button></div><div id=pack></div></section>\n\
            </main>\n<footer><p class=small>p10 – p90: the band that holds the loss with a likelihood of 80 %. Peers: meters of the same interval and \
            class. Characters of an id \
            that cannot be seen are shown by their numbers.</p></footer>\n";
    // Before the packs, so that the list can be used while they arrive.
    out += &format!("<script>{SCRIPT}</script>\n");
    for (at, group) in page.groups.iter().enumerate() {
        out += &format!("<script type=\"text/plain\" id=g{at}>{group}</script>\n");
    }
    out += "</body>\n</html>\n";
    out
}
