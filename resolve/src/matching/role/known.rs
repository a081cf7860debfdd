//! Names of columns that tell what is in them, in many languages.

use super::{Ignored, Role};

/// Names without blanks, small and folded as by [`super::names::folded_words`] or not;
/// a name stands in one list alone.
pub(super) const NAMES: &[(Role, &str)] = &[
    (
        Role::Ignored(Ignored::Answer),
        "cluster clusterid clusterno clusternumber truecluster entity entityid entitykey trueid trueperson \
         truepersonid trueentity trueentityid truth groundtruth gold goldid goldenid goldenrecord goldenrecordid \
         realid label match matchid ismatch household householdid personid simulantid group groupid duplicateof \
         dupof duplicategroup duplicateid dupgroup dupid masterid mastercluster masterrecordid",
    ),
    (
        Role::Ignored(Ignored::AboutTheRecord),
        "source sourcesystem srcsys srcsystem sourcefile system origin channel ts timestamp time date datetime created \
         createdat createdon createddate createdby creationdate datecreated insertdate insertedat updated updatedat \
         updatedon updateddate updatedby lastupdate lastupdated dateupdated modified modifiedat modifiedon modifieddate \
         modifiedby lastmodified lastseen firstseen lastlogin lastactivity lastchanged systemmodstamp eventtime \
         receivedat index idx rownumber rowno rownum row rowchecksum version importedat loadedat loaddate batch batchid \
         erdat ernam country countrycode countryname cntry cc land land1 pays pais paese страна 国家 國家 \
         language lang locale sprache langue idioma currency status statusreason active isactive isdeleted optin consent \
         notes note comment comments remarks remark bemerkung bemerkungen kommentar description tags tag \
         signup signupdate signedupat registered registrationdate registeredat joined joindate membersince kundeseit \
         orderdate lastpurchase lastorder lastorderdate totalspent totalspend balance amount total umsatz erstelltam \
         erstellt angelegt angelegtam geandertam timezone useragent ip ipaddress optinip confirmip leadsource leadstatus \
         owner accountowner contactowner ownerid salesrep lifecyclestage latitude longitude lat lon lng gmtoff dstoff \
         lastvisit store groupmembership",
    ),
    (
        Role::GivenName,
        "givenname givennames givennm firstname firstnames firstnm forename forenames fname frstname fstname first frst fst \
         given fn fstnm frstnm vorname vornamen vname rufname prenom prenoms prenomusuel nombre nombres nombredepila \
         primernombre voornaam voornamen roepnaam nome primeironome christianname imie imiona fornamn fornavn etunimi \
         etunimet preferredname knownas jmeno krestnijmeno meno krstnemeno keresztnev utonev ad adi isim prenume ime \
         имя імя име όνομα 名 الاسمالأول שםפרטי \
         namadepan",
    ),
    (
        Role::FamilyName,
        "familyname familynames familynm surname surnames surnm lastname lastnames lastnm lstnm lname last lst family ln \
         nachname nachnamen nname zuname familienname nom nomfamille nomdefamille nomdusage patronyme apellido apellidos \
         primerapellido apellidopaterno achternaam cognome cognomi sname secondname sobrenome apelido nazwisko \
         efternamn etternavn efternavn sukunimi prijmeni priezvisko vezeteknev csaladnev soyad soyadi soyisim nume \
         numefamilie numedefamilie prezime priimek фамилия прізвище фамилно презиме επώνυμο επίθετο 姓 姓氏 苗字 \
         성 اسمالعائلة اللقب שםמשפחה namabelakang",
    ),
    (
        Role::FullName,
        "name fullname fullnm personname customername custname clientname patientname contactname displayname \
         membername holdername accountname name1 name2 name3 author authors authorname firstandsurname firstlastname \
         namefirstlast namelastfirst wholename completename nombrecompleto nombreyapellidos nomcomplet nometprenom \
         nomprenom nomecompleto nominativo vollername vollstandigername namevorname vornamename vorundzuname \
         vorundnachname kundenname naam volledigenaam namn navn fuldenavn fulltnavn nimi nev teljesnev jmenoaprijmeni \
         imieinazwisko imeiprezime adsoyad adisoyadi фио піб 姓名 氏名 お名前 名前 이름 성명 الاسم الاسمالكامل שם שםמלא \
         ονοματεπώνυμο hoten hovaten nama namalengkap",
    ),
    (
        Role::BirthDate,
        "dob dobraw dateofbirth dobirth dtbirth birth birthdate birthdt brthdt brthdate birthday bday bdate borndate \
         dateborn born bornon birthdateiso geburtsdatum geburtstag gebdatum gebdat gebdt geboren geborenam \
         datenaissance datedenaissance naissance datnais datenais nele neele fechanacimiento fechadenacimiento fecnac \
         fechanac fnac nacimiento datadinascita nascita datanascita natoil datadenascimento datanascimento nascimento \
         geboortedatum fodselsdato fodelsedatum fodselsdag fodelsedag dataurodzenia syntymaaika \
         datumnarozeni datumnarodenia narozen szuletesidatum szuletesiido szuletett dogumtarihi datanasterii \
         datumrodjenja datumrodenja датарождения деньрождения датанародження датанараждане ημερομηνίαγέννησης 出生日期 \
         生日 出生年月日 生年月日 誕生日 생년월일 생일 تاريخالميلاد תאריךלידה ngaysinh tanggallahir",
    ),
    (
        Role::Email,
        "email emails mail mails emailaddress emailaddr mailaddress emailid mailid emladdr emladdress eml em emailaddress1 \
         emailvalue smtpaddr correo correoelectronico courriel mel epost adresseemail adressemail adressedemessagerie \
         emailadresse mailadresse emailadres mailadres indirizzoemail posta postaelettronica primaryemail useremail \
         contactemail workemail homeemail personalemail enderecodeemail emailcim eposta epostaadresi sahkoposti \
         adresaemail adresemail почта элпочта электроннаяпочта електроннапошта имейл эмейл 邮箱 电子邮箱 电子邮件 \
         電子郵件 メール メールアドレス 이메일 전자우편 البريدالإلكتروني אימייל דואל",
    ),
    (
        Role::Phone,
        "phone phones phoneno phonenr phonenum phonenumber phn phno phnnbr phnnumber ph phoneraw phonevalue telephone telephone1 \
         telephoneno telephonenumber tel telno telnr telnumber telf1 telf2 telef mobile mobiles mobileno mobilenr \
         mobilenumber mobilephone mobno mob cell cellno cellphone cellnumber cellular homephone phonehome workphone \
         phonework phonemobile mobilehome dayphone eveningphone landline telefon telefonnr telefonnummer telefono \
         telefoon telefoonnr telefoonnummer telefone telefonszam telefonnicislo fon rufnummer festnetz handy handynr \
         handynummer mobil mobilnr mobilnummer mobiltelefon portable telportable telfixe numtel numerotelephone \
         numerodetelephone celular movil cellulare recapito gsm tlf tlfnr msisdn contactnumber contactno contactphone \
         primaryphone puhelin puhelinnumero matkapuhelin ceptelefonu телефон номертелефона мобильный \
         мобильныйтелефон контактныйтелефон τηλέφωνο κινητό 手机 手机号 手机号码 电话 电话号码 联系电话 電話 電話番号 携帯 \
         携帯電話 携帯番号 전화번호 휴대폰 휴대전화 연락처 الهاتف الجوال رقمالهاتف رقمالجوال טלפון נייד dienthoai \
         sodienthoai telepon nohp",
    ),
    (
        Role::HouseNumber,
        "streetnumber housenumber housenum1 houseno housenr housenum streetno streetnr number hausnummer hausnr hnr \
         huisnummer huisnr buildingnumber numerocivico civico numeroderue numeroportal numero cislopopisne nrdomu \
         hazszam номердома дом husnr husnummer talonumero",
    ),
    (
        Role::Street,
        "street address addressline addressline1 addresslineone address1 addr adr addr1 addrline1 adrln1 addrln1 \
         streetaddress streetaddr streetname streetline1 streetline line1 addressstreet addressline1txt stras strasse str \
         strnr strassehausnr strassehausnummer strasseundhausnummer anschrift adresse adresse1 adresseligne1 ligne1 rue \
         voie calle calleynumero direccion domicilio indirizzo via endereco logradouro rua straat straatnaam adres adresa \
         ulica ulice gata gatuadress gateadresse postaladdress homeaddress homeaddr mailingaddress residentialaddress \
         billingaddress shippingaddress katuosoite osoite cim lakcim adress strada адрес улица вулиця адреса διεύθυνση \
         οδός 地址 住址 详细地址 住所 주소 العنوان כתובת diachi alamat",
    ),
    (
        Role::SecondLine,
        "address2 addressline2 addresslinetwo addr2 address1line2 pobox addrline2 addrln2 adrln2 line2 streetaddress2 streetline2 adresse2 \
         adresszusatz zusatz ligne2 locality complement complemento complementoadresse apartment apt aptno aptnumber unit \
         unitno unitnumber flat flatno toevoeging huisnummertoevoeging busnummer colonia bairro квартира",
    ),
    (
        Role::City,
        "city cityname cty ctynm city1 town townname suburb place birthplace placeofbirth birthcity ort ort01 plzort \
         plzundort ortschaft wohnort stadt geburtsort ville commune lieudenaissance ciudad poblacion localidad municipio \
         lugarnacimiento lugardenacimiento citta comune luogodinascita cidade plaats woonplaats miasto miejscowosc postort \
         poststed posttown municipality village hometown addresscity homecity by bynavn ortnamn kaupunki \
         postitoimipaikka mesto obec varos telepules sehir il oras localitate grad naselje город нселениеместо місто град \
         πόλη 城市 市 市区町村 도시 시 المدينة עיר thanhpho kota",
    ),
    (
        Role::Postcode,
        "postcode postcode1 postcd postalcode postalcd postal zip zipcode zipcd zip5 zippostal zippostalcode pincode plz pstlz \
         postleitzahl cp codepostal codigopostal cap cep postnr postnummer postinumero postkode kodpocztowy \
         codpostal postcodefake addresszip eircode psc smerovacicislo iranyitoszam irsz postakodu postanskibroj \
         индекс почтовыйиндекс поштовийіндекс τκ ταχυδρομικόςκώδικας 邮编 邮政编码 郵遞區號 郵便番号 우편번호 الرمزالبريدي \
         מיקוד kodepos mabuudien",
    ),
    (
        Role::Region,
        "state statecode stateabbr stcd stcode st stprov province provincia prov region regio county stateorprovince bundesland \
         departement stateprovince usstate addressstate canton kanton uf estado kraj judet megye lan okres область регион \
         省 省份 都道府県 시도",
    ),
    (
        Role::NationalId,
        "ssn ssnid ssnlast ssnlast4 last4ssn ssnumber socsec socsecid socsecno socialsecurity socialsecurityno \
         socialsecuritynumber sin socialinsurancenumber nationalid nationalidno nationalidnumber \
         natid nin nino nationalinsurance nationalinsurancenumber nhs nhsno nhsnumber taxid taxno taxnumber taxvat vat vatid \
         vatnumber ustid ustidnr siret siren taxpayerid tin passport passportno passportnumber drivers driverslicense \
         driverlicense driverslicenseno driverslicensenumber idcard idcardno idnumber governmentid citizenid personnummer \
         personalnumber bsn cpf cnpj curp rfc pesel cnp aadhaar aadhar codicefiscale codfiscale partitaiva dni nif nie nir \
         insee numerosecuritesociale steuerid steuernummer svnr ahv ahvnummer sozialversicherungsnummer rodnecislo hetu \
         henkilotunnus cedula rut niss cprnr cprnummer oib снилс инн паспорт 身份证 身份证号 身份证号码 마이넘버 주민등록번호 \
         رقمالهوية תעודתזהות",
    ),
    (Role::UserId, "userid uid loginid login username userlogin useraccount"),
    (
        Role::Device,
        "anonymousid anonid deviceid device cookieid cookie visitorid idfa gaid clientid fingerprint \
         advertisingid adid",
    ),
    (
        Role::SourceId,
        "crmid crmno customerid customerno customernr customernumber customerref custid custno custnr custnumber \
         clientno clientnr clientnumber clientref kundennummer kundennr kundenid kdnr kunnr partner numclient nclient \
         numeroclient numerocliente codigocliente codicecliente klantnummer klantnr kundnr kundnummer asiakasnumero \
         memberid memberno membernumber membershipid membershipno membershipnumber loyaltyid loyaltyno loyaltynumber \
         loyaltycard accountid accountno accountnumber acctid acctno contactid patientid patientno patientnumber mrn \
         externalid externalref legacyid subscriberid employeeid employeeno studentid studentno policyno policynumber \
         voterregnum voterid ncid",
    ),
    (
        Role::Text,
        "birthyear yearofbirth yob dobyear geburtsjahr jahrgang anneedenaissance anneenaissance annodinascita \
         anonacimiento geboortejaar rokurodzenia age birthage alter edad eta leeftijd wiek ikä возраст 年龄 年齢 \
         birthstate occupation beruf profession profesion gender gendr gendercode sexcode sex sx geschlecht sexe sexo sesso geslacht kon \
         plec pohlavi nem cinsiyet sukupuoli xsexm пол стать φύλο 性别 性別 성별 الجنس race ethnicity ethnic party \
         job jobtitle title titel titolo titulo salutation anrede aanhef civilite tratamiento tratamento prefix \
         company companyname firma firmenname societe empresa azienda bedrijf bedrijfsnaam foretag yritys cég employer organisation \
         organization organizationname ragionesociale raisonsociale компания 公司 会社名 회사 الشركة \
         middlename middlenames middlenm middleinitial middle mi mname additionalname weiterevornamen voorletters \
         tussenvoegsel отчество побатькові segundonombre secondoname segundoapellido apellidomaterno maidenname maiden \
         geburtsname nomdenaissance nomdejeunefille suffix namesuffix maritalstatus marital familienstand nationality \
         nationalitat department affiliation website webseite homepage url domain フリガナ ふりがな",
    ),
];

/// Words before or after a name that say whose or which it is, or that it is
/// written out.
pub(super) const FILLERS: &str = "customer cust client person people patient pt member contact user subscriber holder owner \
    voter employee emp student applicant insured guest buyer kunde kunden cliente klant asiakas primary main current \
    default legal home residence residential res billing shipping mailing mail1 private privat prive gesch geschaftlich \
    work business office personal raw clean std norm txt text value val formatted field col fld cd code desc lbl nm usuel \
    del de du des di da do der des den";

/// Words that say that a column is about what another tells: its kind, whether it
/// was confirmed, who looks after it.
pub(super) const ABOUT: &str = "type typ kind status flag flg is has opt optin optout opted optedout verified verification \
    confirmed consent subscribed subscription created createdby modified updated count score rating valid validated \
    bounce bounced accepts marketing preference checksum membership";

/// Names that alone are too common to tell, beside other words.
pub(super) const COMMON: &str = "name name1 name2 number first last family given frst fst lst place title label match group source time \
    date index total number numero status state il by ad st fn ln em ph cc mi cp cap uf str ort sin tin via \
    house unit partner cell store em eta";

/// Names of which others are the end that mean something else.
pub(super) const ENDS_OF_OTHERS: &str = "nname sname vname";

/// Words that say that a date is meant, alone or with others.
pub(super) const DATES: &str = "date dates dt datetime time timestamp ts datum dat fecha data day tag tarihi tarih pvm \
    dato дата 日期 日 since seit depuis desde on at am le";

/// Words that say that a column is about somebody else, of whom it yet tells.
pub(super) const OTHERS: &str = "employer spouse guardian mother mothers father fathers parent parents dependent emergency \
    assistant manager supervisor referrer referred kin nok beneficiary physician doctor provider witness";

/// How words about birth begin.
pub(super) const BORN: &str = "birth born dob bday nac nasc nais nasci geb ur urod fod narozen naroden nast szul dogum рожд \
    народ γενν";

/// Words of which one names something, the other says that only its print is there.
pub(super) const HASHED: &str = "hash hashed md5 sha sha1 sha256 sha512 digest";
