//! Where people come from: names, cities, streets and codes of the post.
//!
//! Lists are texts of words between spaces; `_` in a word stands for a space.
//! A word is written as it is, and behind `/` in the letters of an email
//! address where these are not plain to see. A given name names its short form
//! behind `~`. Family names are a stem with an ending, where `-` is none.

/// Where people come from.
pub struct Culture {
    /// ISO country code.
    pub country: &'static str,
    /// How many of a hundred people come from here.
    pub share: u32,
    /// BCP 47 language of their devices.
    pub locale: &'static str,
    /// Cities, and the form of their codes of the post: `#` is a digit, `@` a letter.
    pub cities: &'static [(&'static str, &'static str)],
    /// Stems and endings of the names of towns, where most people live.
    pub towns: [&'static str; 2],
    /// Forms of a street with its number `#` and its name `*`.
    pub streets: &'static [&'static str],
    /// Names of streets.
    pub street_names: &'static str,
    /// Given names.
    pub given: &'static str,
    /// Stems and endings of family names.
    pub family: [&'static str; 2],
}

/// The cultures that people are drawn from.
pub const CULTURES: [Culture; 10] = [
    Culture {
        country: "GB",
        share: 22,
        locale: "en-GB",
        cities: &[
            ("London", "SE## #@@"),
            ("Leeds", "LS## #@@"),
            ("Bristol", "BS## #@@"),
            ("Glasgow", "G## #@@"),
            ("Cardiff", "CF## #@@"),
            ("Norwich", "NR## #@@"),
            ("Plymouth", "PL## #@@"),
            ("Exeter", "EX## #@@"),
            ("Swansea", "SA## #@@"),
            ("Dundee", "DD## #@@"),
            ("Carlisle", "CA## #@@"),
            ("Derby", "DE## #@@"),
        ],
        towns: [
            "Alder Brom Chel Dar Ever Fal Guil Hunt Ips Ken Lud Maid New Ober Peter Rom Stam Taun Up Wey Yar Brack Crew Dor Swin",
            "bury ham ton ford ley wick mouth borough stow",
        ],
        streets: &["# * Street", "# * Road", "# * Lane", "Flat #, * Court", "# * Avenue"],
        street_names: "Castle Church Mill Station Victoria Albert Chapel Orchard Meadow Priory Quay Market Abbey Hope \
            Windmill Grange Spring Bridge Cedar Tanner Weaver Harbour Beacon Rectory",
        given: "William~Bill Elizabeth~Liz Robert~Bob Katherine~Kate Margaret~Peggy Richard~Rick Thomas~Tom \
            Edward~Ted Victoria~Vicky Andrew~Andy Rebecca~Becky Christopher~Chris Alexandra~Sandra Benjamin~Ben \
            Charlotte~Lottie Frederick~Fred Josephine~Josie Matthew~Matt Penelope~Penny Nicholas~Nick Susannah~Sue \
            Timothy~Tim Olivia Harry Grace Callum Ruby Isla Oscar Imogen Rhys Fiona Duncan Bronwen Alistair Hazel \
            Gareth Iris Malcolm Poppy Stuart Daphne Rory Nuala",
        family: [
            "Ash Ald Bar Beck Black Brad Brook Burn Carl Chad Clay Cold Cran Dal Den East Elm Fair Farn Fen Glen Had \
            Hart Hay Heath Hol Kel Kirk Lang Lin Mar Mel Mil New Nor Oak Pem Rad Ray Red Ren Rock Ros Rush Shel Stan \
            Sut Thorn Wal Wet Whit Win Wood O'Brad",
            "ton ley field ford wood worth ham well by bourne combe den gate hurst land man more shaw stead stone \
            thorpe wick",
        ],
    },
    Culture {
        country: "US",
        share: 20,
        locale: "en-US",
        cities: &[
            ("Austin", "787##"),
            ("Portland", "972##"),
            ("Chicago", "606##"),
            ("Boston", "021##"),
            ("Tucson", "857##"),
            ("Omaha", "681##"),
            ("Denver", "802##"),
            ("Tampa", "336##"),
            ("Raleigh", "276##"),
            ("Fresno", "937##"),
            ("Tulsa", "741##"),
            ("Memphis", "381##"),
            ("Newark", "071##"),
            ("Boise", "837##"),
        ],
        towns: [
            "Spring Green Fair Clear Rich Mill Oak River Ash Cedar Glen Lake Maple North Pleasant Rock Silver Sun Water West Wood Bloom Edge Frank",
            "field ville ton view wood dale port burg",
        ],
        streets: &["# * Street", "# * Avenue", "# * Drive", "# * Boulevard"],
        street_names: "Oak Maple Cedar Pine Elm Washington Lake Hill Walnut Sunset Jackson Highland River Forest \
            Franklin Cherry Magnolia Juniper Lincoln Prairie Canyon Mesa Willow Dogwood",
        given: "Michael~Mike Jennifer~Jen Joseph~Joe Patricia~Pat Daniel~Dan Deborah~Debbie James~Jim Barbara~Barb \
            Anthony~Tony Kimberly~Kim Samuel~Sam Jessica~Jess Ronald~Ron Cynthia~Cindy Gregory~Greg Pamela~Pam \
            Lawrence~Larry Theresa~Terry Raymond~Ray Samantha~Sam Jeffrey~Jeff Abigail~Abby Zachary~Zach Madeline~Maddie \
            Mason Ava Jayden Chloe Dwayne Tyrone Brandi Lamar Savannah Curtis Latoya Wyatt Marisol Diego Guadalupe \
            Shane Brianna Travis Naomi Clyde",
        family: [
            "Ander Alver Ben Bran Carl Chris Clem Daw Dick Ed El Erick Ferg Gib Gran Gunder Han Harri Hender Hutchin \
            Jami Jeffer Lar Lawr Maddi Mati Morri Nel Nichol Ol Patter Peder Peter Pier Robin Roll Sander Simp Steven \
            Swan Thomp Torg Tyr Wat Wil Wilk McAll",
            "son sen ster well man ritt wood ford ley ton",
        ],
    },
    Culture {
        country: "DE",
        share: 16,
        locale: "de-DE",
        cities: &[
            ("Köln", "50###"),
            ("München", "80###"),
            ("Leipzig", "04###"),
            ("Münster", "48###"),
            ("Kiel", "24###"),
            ("Bremen", "28###"),
            ("Erfurt", "99###"),
            ("Mainz", "55###"),
            ("Ulm", "89###"),
            ("Rostock", "18###"),
            ("Kassel", "34###"),
            ("Trier", "54###"),
        ],
        towns: [
            "Altem Birken Dachs Eber Frieden Grün Hasel Immen Königs Lauter Mark Nieder Oster Pfaffen Reichen Sonnen Traun Wolfs Ziegel Falken",
            "hausen berg dorf bach furt walde heim au",
        ],
        streets: &["*straße #", "*weg #", "*gasse #", "*allee #"],
        street_names: "Linden Garten Berg Kirch Schiller Goethe Mühlen Bahnhof Rosen Buchen Wald Feld Schul Ring Brunnen \
            Ufer Burg Eichen Tannen Wiesen",
        given: "Jürgen Anke Sören Heike Björn Katharina~Kathi Sebastian~Basti Johannes~Hannes Elisabeth~Lisa Matthias~Matze \
            Friederike~Rike Maximilian~Max Wolfgang~Wolf Franziska~Franzi Christian~Chris Gertrud Lothar Ingrid Torsten \
            Sabine Detlef Renate Uwe Frauke Dieter Annegret Holger Silke Rüdiger Mareike Volker Birgit Tobias Ulrike \
            Hartmut Jutta Kerstin Ansgar Gesine Bernd",
        family: [
            "Acker Alt Bach Baum Berg Böhm Brand Buch Dorn Eber Eich Feld Fisch Frei Fuchs Groß Hag Hart Hoch Hof Holz \
            Kalt Kirch Klein Korn Kühn Lang Licht Linden Möll Neu Ober Rein Roth Schön Stein Stolz Thal Wald Weiß Wint",
            "mann er ner meyer bach berg hauer stedt feld müller inger",
        ],
    },
    Culture {
        country: "FR",
        share: 14,
        locale: "fr-FR",
        cities: &[
            ("Lyon", "6900#"),
            ("Nîmes", "30###"),
            ("Besançon", "25###"),
            ("Orléans", "45###"),
            ("Brest", "29###"),
            ("Nantes", "44###"),
            ("Dijon", "21###"),
            ("Reims", "51###"),
            ("Limoges", "87###"),
            ("Amiens", "80###"),
            ("Pau", "64###"),
        ],
        towns: [
            "Beau Clair Chante Fontaine Haute Mont Neuve Roche Saint-Val Val Ville Bel Aubi Cham Mar Ver Plé Lan",
            "fort mont lieu court gny sac vert ières",
        ],
        streets: &["# rue *", "# avenue *", "# place *", "# chemin *"],
        street_names: "Pasteur Hugo Voltaire Rousseau Lavoisier Curie Molière Racine Zola Balzac Jaurès Gambetta Carnot \
            Michelet Diderot Descartes Ampère Bizet Ravel Monet",
        given: "Zoé François Maëlle Benoît Inès Alexandre~Alex Catherine~Cathy Frédéric~Fred Véronique~Véro \
            Emmanuelle~Manu Sébastien~Seb Élisabeth~Babeth Guillaume Mathilde Thibault Océane Jérôme Aurélie Yves \
            Corinne Raphaël Solène Gaëtan Mireille Loïc Delphine Étienne Clémence Rémi Noémie Hervé Anaïs Cédric Odile \
            Fabien Lucile Pascal Béatrice",
        family: [
            "Beau Belle Bon Bois Char Clair Cour Dam De Dela Du Font Fou Gar Gau Ger Hau Lam Lef Mar Mar Mon Mont Mou \
            Per Pont Pré Rou Sal Val Ver Vil",
            "champ mont court fort neau rand lin din bert vois lange rière ville rier pierre nault",
        ],
    },
    Culture {
        country: "PL",
        share: 10,
        locale: "pl-PL",
        cities: &[
            ("Łódź", "90-###"),
            ("Kraków", "31-###"),
            ("Gdańsk", "80-###"),
            ("Wrocław", "50-###"),
            ("Lublin", "20-###"),
            ("Poznań", "60-###"),
            ("Szczecin", "70-###"),
            ("Opole", "45-###"),
            ("Kielce", "25-###"),
            ("Toruń", "87-###"),
            ("Rzeszów", "35-###"),
        ],
        towns: [
            "Biał Brzez Czarn Dęb Gór Jas Kamien Lip Mał Nowos Olsz Piask Radz Star Topol Wierzb Zamoś Zielon",
            "ów owo ice in nica anka",
        ],
        streets: &["ul. * #", "aleja * #", "plac * #"],
        street_names: "Lipowa Polna Leśna Słoneczna Krótka Szkolna Ogrodowa Łąkowa Brzozowa Kwiatowa Kościelna Sosnowa \
            Parkowa Zielona Długa Wiśniowa Akacjowa Jasna",
        given: "Łukasz Zofia~Zosia Grażyna Stanisław~Staszek Katarzyna~Kasia Małgorzata~Gosia Krzysztof~Krzysiek \
            Aleksandra~Ola Tomasz~Tomek Agnieszka~Aga Wojciech~Wojtek Barbara~Basia Jakub~Kuba Joanna~Asia Piotr Ewa \
            Paweł Iwona Michał Beata Mateusz Urszula Rafał Danuta Bartosz Halina Dariusz Jadwiga Zbigniew Kinga",
        family: [
            "Adam Biel Bog Brzoz Czarn Dąbr Gałcz Górn Jabł Jan Jaw Kalin Kam Kozł Krup Kwiat Lew Lis Makows Maj Nowak \
            Ols Ost Pawł Piotr Raj Sikor Sław Szym Wiśn Wit Wroń Zaw Zieliń Żuk",
            "owski ewicz ak ski czyk icki iec eński",
        ],
    },
    Culture {
        country: "TR",
        share: 6,
        locale: "tr-TR",
        cities: &[
            ("İstanbul", "34###"),
            ("İzmir", "35###"),
            ("Eskişehir", "26###"),
            ("Ankara", "06###"),
            ("Bursa", "16###"),
            ("Adana", "01###"),
            ("Konya", "42###"),
            ("Trabzon", "61###"),
        ],
        towns: ["Ak Bey Çay Dere Elma Gök Kara Kızıl Pınar Sarı Taş Yeni Yeşil Göl", "köy pazar hisar kent ova tepe"],
        streets: &["* Sokak #", "* Caddesi #", "* Bulvarı #"],
        street_names: "Lale Gül Çınar Papatya Zeytin Menekşe İstiklal Cumhuriyet Fatih Barış Yıldız Güneş Deniz Çiçek Nergis \
            Akasya Kavak Palmiye",
        given: "Ayşe Çağlar İpek Oğuz Mehmet~Memo Fatma~Fatoş Mustafa Zeynep Emre Elif Hüseyin Hatice Murat Meryem Burak \
            Selin Kerem Gülşen Tolga Nilüfer Serkan Özlem Yiğit Sevgi Onur Derya Hakan Pınar Cem Aslı",
        family: [
            "Öz Ak Kara Demir Yıl Gün Ay Taş Er Kaya Çel Boz Alt Bal Gök Kılıç San Tek Ulu Koç",
            "türk maz han doğan oğlu can soy men gül tekin er ay",
        ],
    },
    Culture {
        country: "GR",
        share: 3,
        locale: "el-GR",
        cities: &[
            ("Αθήνα", "11###"),
            ("Πάτρα", "26###"),
            ("Βόλος", "38###"),
            ("Λάρισα", "41###"),
            ("Θεσσαλονίκη", "54###"),
            ("Ηράκλειο", "71###"),
            ("Χανιά", "73###"),
        ],
        towns: ["Αγία Άνω Κάτω Νέα Παλαιά Μεγάλη", "_Βρύση _Χώρα _Σκάλα _Μονή _Πέτρα _Πόλη _Ελιά"],
        streets: &["* #", "Λεωφόρος_* #"],
        street_names: "Ερμού Αθηνάς Σταδίου Πατησίων Κοραή Σόλωνος Ομήρου Πλάτωνος Σωκράτους Περικλέους Αριστοτέλους \
            Βενιζέλου Καποδιστρίου Μακεδονίας",
        given: "Ελένη/eleni Γιώργος/giorgos Νίκος/nikos Σοφία/sofia Κώστας/kostas Μαρία/maria Δημήτρης/dimitris \
            Κατερίνα/katerina Γιάννης/giannis Βασιλική/vasiliki Παναγιώτης/panagiotis Αγγελική/angeliki Σπύρος/spyros \
            Ειρήνη/irini Θανάσης/thanasis Δέσποινα/despina Αλέξανδρος/alexandros Ιωάννα/ioanna Στέλιος/stelios \
            Χριστίνα/christina Μανώλης/manolis Ευγενία/evgenia Πέτρος/petros Ζωή/zoi",
        family: [
            "Παπαδ/papad Νικολ/nikol Βλαχ/vlach Δημητρ/dimitr Γεωργ/georg Αντων/anton Κωνσταντ/konstant Αλεξ/alex \
            Στεφαν/stefan Μιχαλ/michal Θεοδωρ/theodor Σταματ/stamat Χατζ/chatz Καρα/kara Μακρ/makr Πετρ/petr",
            "όπουλος/opoulos ίδης/idis άκης/akis ιάδης/iadis άτος/atos έλης/elis",
        ],
    },
    Culture {
        country: "JP",
        share: 3,
        locale: "ja-JP",
        cities: &[
            ("東京", "1##-####"),
            ("大阪", "53#-####"),
            ("札幌", "06#-####"),
            ("福岡", "81#-####"),
            ("名古屋", "46#-####"),
            ("京都", "60#-####"),
            ("仙台", "98#-####"),
        ],
        towns: ["青 赤 石 岩 大 小 北 南 高 長 松 竹", "谷市 原市 崎市 浜市 沢町 見町 里町"],
        streets: &["*1丁目#", "*2丁目#", "*3丁目#"],
        street_names: "桜町 本町 栄町 緑町 旭町 泉町 幸町 若葉町 松町 梅町 川端町 山手町 港町 大手町 元町 新町",
        given: "葵/aoi 蓮/ren 結衣/yui 大翔/hiroto 陽菜/hina 悠真/yuma 美咲/misaki 翔太/shota 健太/kenta 彩花/ayaka 拓海/takumi \
            七海/nanami 直樹/naoki 真由美/mayumi 和也/kazuya 恵子/keiko 浩/hiroshi 由美子/yumiko 誠/makoto 明美/akemi 隆/takashi \
            智子/tomoko 剛/tsuyoshi 久美子/kumiko 修/osamu 裕子/yuko 大輔/daisuke 千尋/chihiro",
        family: [
            "山/yama 田/ta 中/naka 川/kawa 村/mura 小/ko 大/o 高/taka 松/matsu 石/ishi 吉/yoshi 藤/fuji 森/mori 北/kita 西/nishi \
            東/higashi 竹/take 岡/oka 青/ao 黒/kuro 渡/wata",
            "本/moto 口/guchi 原/hara 井/i 島/shima 崎/saki 谷/tani 野/no 沢/sawa 木/ki 橋/hashi 林/bayashi",
        ],
    },
    Culture {
        country: "EG",
        share: 3,
        locale: "ar-EG",
        cities: &[
            ("القاهرة", "115##"),
            ("الإسكندرية", "215##"),
            ("أسوان", "815##"),
            ("طنطا", "315##"),
            ("المنصورة", "355##"),
        ],
        towns: ["كفر منية شبرا ميت نزلة", "_الشيخ _سالم _النخل _البحر _الجديدة _غمر _خلف"],
        streets: &["# شارع_*", "# ميدان_*"],
        street_names: "النيل التحرير الجمهورية الهرم السلام النصر الحرية البحر الزهور الوادي المعز الفتح",
        given: "ليلى/layla يوسف/youssef نور/nour كريم/karim فاطمة/fatma محمود/mahmoud سلمى/salma طارق/tarek هبة/heba \
            عمر/omar مريم/mariam خالد/khaled ياسمين/yasmin أحمد/ahmed دينا/dina حسام/hossam رانيا/rania شريف/sherif منى/mona \
            وليد/walid سارة/sara مصطفى/mostafa نادية/nadia إبراهيم/ibrahim",
        family: [
            "حسن/hassan منصور/mansour سليمان/soliman فؤاد/fouad عثمان/osman رمضان/ramadan شاهين/shahin بدوي/badawi \
            سالم/salem غانم/ghanem صبري/sabry زكي/zaki نصار/nassar حمدي/hamdy فهمي/fahmy لطفي/lotfy راشد/rashed مرسي/morsi",
            "- _عبد_الله/abdallah _السيد/elsayed _جاد/gad _عامر/amer _عوض/awad",
        ],
    },
    Culture {
        country: "IN",
        share: 3,
        locale: "hi-IN",
        cities: &[
            ("पुणे", "4110##"),
            ("Bengaluru", "5600##"),
            ("Kochi", "6820##"),
            ("जयपुर", "3020##"),
            ("Chennai", "6000##"),
            ("लखनऊ", "2260##"),
        ],
        towns: ["Ram Laxman Shiv Gopal Raj Chand Dev Hari Krishna Surya", "pur nagar garh abad palli kot"],
        streets: &["# * Road", "# * Nagar", "# * Marg"],
        street_names: "Gandhi Nehru Tagore Lotus Temple Lake Ashoka Banyan Jasmine Tilak Shivaji Rajaji Kaveri Ganga Mandir \
            Bazaar",
        given: "आरव/aarav Priya दीया/diya Arjun Lakshmi Rahul अनन्या/ananya Vikram Meera रोहन/rohan Kavya Sanjay नेहा/neha \
            Aditya Pooja Karthik Divya Suresh आशा/asha Manish Deepika Rajesh~Raj Sunita Siddharth~Sid Nandini विजय/vijay \
            Shreya Gopal",
        family: [
            "शर्मा/sharma पटेल/patel Iyer Nair Krishna Rama Venkata Raja Bala Chandra Deva Hari Jaya Mani Nara Padma Sita \
            Surya Vasu Guru",
            "- murthy swamy nathan rajan kumar dasan pillai",
        ],
    },
];
