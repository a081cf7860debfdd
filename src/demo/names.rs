//! Words that people, companies and comments are made of. Names are common
//! ones of several languages, put together at random; email domains end in
//! `.example` and phone numbers lie in the ranges that regulators keep for
//! fiction, so that no real person can be reached.

/// A name as it is written, and in the letters of an email address.
pub type Name = (&'static str, &'static str);

/// Where people come from.
pub struct Culture {
    /// ISO country code.
    pub country: &'static str,
    /// BCP 47 language of their devices.
    pub locale: &'static str,
    /// Cities.
    pub cities: &'static [&'static str],
    /// Given names.
    pub given: &'static [Name],
    /// Family names.
    pub family: &'static [Name],
}

/// The cultures that people are drawn from.
pub const CULTURES: [Culture; 10] = [
    Culture {
        country: "GB",
        locale: "en-GB",
        cities: &["London", "Leeds", "Bristol", "Glasgow"],
        given: &[("Olivia", "olivia"), ("Harry", "harry"), ("Grace", "grace"), ("Callum", "callum"), ("Ruby", "ruby")],
        family: &[
            ("Walker", "walker"),
            ("O'Brien", "obrien"),
            ("Hughes", "hughes"),
            ("Ashworth-Reid", "ashworth-reid"),
        ],
    },
    Culture {
        country: "US",
        locale: "en-US",
        cities: &["Austin", "Portland", "Chicago", "Boston"],
        given: &[("Mason", "mason"), ("Ava", "ava"), ("Jayden", "jayden"), ("Chloe", "chloe"), ("Dwayne", "dwayne")],
        family: &[("Carter", "carter"), ("Nguyen", "nguyen"), ("Brooks", "brooks"), ("McAllister", "mcallister")],
    },
    Culture {
        country: "DE",
        locale: "de-DE",
        cities: &["Köln", "München", "Leipzig", "Münster"],
        given: &[("Jürgen", "juergen"), ("Anke", "anke"), ("Sören", "soeren"), ("Heike", "heike"), ("Björn", "bjoern")],
        family: &[("Müller", "mueller"), ("Groß", "gross"), ("Schäfer", "schaefer"), ("von der Heide", "vonderheide")],
    },
    Culture {
        country: "FR",
        locale: "fr-FR",
        cities: &["Lyon", "Nîmes", "Besançon", "Orléans"],
        given: &[
            ("Zoé", "zoe"),
            ("François", "francois"),
            ("Maëlle", "maelle"),
            ("Benoît", "benoit"),
            ("Inès", "ines"),
        ],
        family: &[("Lefèvre", "lefevre"), ("D'Amico", "damico"), ("Noël", "noel"), ("Garçon", "garcon")],
    },
    Culture {
        country: "PL",
        locale: "pl-PL",
        cities: &["Łódź", "Kraków", "Gdańsk", "Wrocław"],
        given: &[("Łukasz", "lukasz"), ("Zofia", "zofia"), ("Grażyna", "grazyna"), ("Stanisław", "stanislaw")],
        family: &[("Wiśniewski", "wisniewski"), ("Dąbrowska", "dabrowska"), ("Żak", "zak"), ("Kowalczyk", "kowalczyk")],
    },
    Culture {
        country: "TR",
        locale: "tr-TR",
        cities: &["İstanbul", "İzmir", "Eskişehir", "Ankara"],
        given: &[("Ayşe", "ayse"), ("Çağlar", "caglar"), ("İpek", "ipek"), ("Oğuz", "oguz")],
        family: &[("Yılmaz", "yilmaz"), ("Öztürk", "ozturk"), ("Şahin", "sahin"), ("Çelik", "celik")],
    },
    Culture {
        country: "GR",
        locale: "el-GR",
        cities: &["Αθήνα", "Πάτρα", "Βόλος"],
        given: &[("Ελένη", "eleni"), ("Γιώργος", "giorgos"), ("Νίκος", "nikos"), ("Σοφία", "sofia")],
        family: &[("Παπαδόπουλος", "papadopoulos"), ("Νικολάου", "nikolaou"), ("Βλάχος", "vlachos")],
    },
    Culture {
        country: "JP",
        locale: "ja-JP",
        cities: &["東京", "大阪", "札幌"],
        given: &[("葵", "aoi"), ("蓮", "ren"), ("結衣", "yui"), ("大翔", "hiroto")],
        family: &[("佐藤", "sato"), ("髙橋", "takahashi"), ("渡邉", "watanabe"), ("小林", "kobayashi")],
    },
    Culture {
        country: "EG",
        locale: "ar-EG",
        cities: &["القاهرة", "الإسكندرية"],
        given: &[("ليلى", "layla"), ("يوسف", "youssef"), ("نور", "nour"), ("كريم", "karim")],
        family: &[("حسن", "hassan"), ("عبد الله", "abdallah"), ("منصور", "mansour")],
    },
    Culture {
        country: "IN",
        locale: "hi-IN",
        cities: &["पुणे", "Bengaluru", "Kochi"],
        given: &[("आरव", "aarav"), ("Priya", "priya"), ("दीया", "diya"), ("Arjun", "arjun")],
        family: &[("शर्मा", "sharma"), ("Iyer", "iyer"), ("Nair", "nair"), ("पटेल", "patel")],
    },
];

/// Domains of email addresses; `.example` is reserved by RFC 2606.
pub const DOMAINS: [&str; 5] = ["post.example", "mail.example", "inbox.example", "work.example", "büro.example"];

/// First words of companies' names.
pub const COMPANY_FIRST: [&str; 12] = [
    "Alder",
    "Nordlicht",
    "Blue Fern",
    "Maison",
    "Quill",
    "Sakura",
    "Baltic",
    "Ege",
    "Helix",
    "Monsoon",
    "Granite",
    "Lumen",
];

/// Second words of companies' names.
pub const COMPANY_SECOND: [&str; 8] =
    ["Logistics", "Software GmbH", "& Söhne", "Studio", "Foods Ltd", "Energy", "Textiles", "Analytics"];

/// Industries of companies.
pub const INDUSTRIES: [&str; 6] = ["logistics", "software", "manufacturing", "media", "retail", "energy"];

/// What happy people write.
pub const PRAISE: [&str; 5] = [
    "Setup took ten minutes, the reports are great.",
    "Support answered within the hour, thank you!",
    "Das Planen macht endlich Spaß.",
    "Exactly what our team needed 👍",
    "C'est clair, rapide et fiable.",
];

/// What people write who neither like nor dislike it.
pub const SHRUGS: [&str; 3] =
    ["Fine so far, nothing special.", "Good, but the mobile app lacks filters.", "お値段の割には普通です。"];

/// What unhappy people write.
pub const COMPLAINTS: [&str; 5] = [
    "The export keeps failing and nobody answers.",
    "Too expensive for what it does.",
    "Seit dem Update ist alles langsam.",
    "Sync lost two of our projects.",
    "Demasiado complicado, \"cancelé\" la prueba.",
];

/// Subjects of support tickets.
pub const TICKETS: [&str; 5] =
    ["Export fails", "Cannot invite a colleague", "Invoice is wrong", "App is slow, very slow", "Sync lost a project"];

/// A phone number of a range that is kept for fiction: Ofcom's 07700 900,
/// the North American 555-01xx, ARCEP's 06 39 98, the Bundesnetzagentur's 030 23125.
/// The ranges are small, so that strangers share numbers, too.
pub fn phone(country: &str, pick: u32) -> String {
    match country {
        "GB" | "GR" | "IN" => format!("+44 7700 900{:03}", pick % 1000),
        "FR" | "EG" => format!("+33 6 39 98 {:02} {:02}", pick / 100 % 100, pick % 100),
        "DE" | "PL" | "TR" => format!("+49 30 23125 {:03}", pick % 1000),
        _ => format!("+1 {} 555 01{:02}", [202, 312, 415, 512, 617][(pick / 100 % 5) as usize], pick % 100),
    }
}
