//! What a column's name says of it, in the languages of Europe.

use super::super::normalise;
use super::{Ignored, Role};

/// Names of columns, letters and digits only; the first list that holds one decides.
const NAMES: &[(Role, &str)] = &[
    (
        Role::Ignored(Ignored::Answer),
        "cluster clusterid clusterno clusternumber truecluster entity entityid entitykey trueid trueperson \
         truepersonid trueentity trueentityid truth groundtruth gold goldid goldenid goldenrecord goldenrecordid \
         realid label match matchid ismatch household householdid personid simulantid group groupid duplicateof \
         dupof duplicategroup duplicateid dupgroup dupid masterid mastercluster",
    ),
    (
        Role::Ignored(Ignored::AboutTheRecord),
        "source sourcesystem sourcefile system origin channel ts timestamp time date datetime created createdat \
         createdon createddate creationdate datecreated insertdate insertedat updated updatedat updatedon updateddate \
         lastupdate lastupdated dateupdated modified modifiedat modifiedon modifieddate lastmodified lastseen \
         firstseen lastlogin eventtime receivedat index idx rownumber rowno rownum row version importedat loadedat \
         loaddate batch batchid country countrycode countryname land pays pais paese language lang locale currency \
         status active isactive optin consent notes note comment comments remarks remark bemerkung bemerkungen \
         signup signupdate signedupat registered registrationdate registeredat joined joindate membersince orderdate \
         lastpurchase lastorder lastorderdate balance amount total erstelltam erstellt angelegt angelegtam geandertam \
         timezone useragent ip ipaddress",
    ),
    (
        Role::GivenName,
        "givenname givennames givennm firstname firstnames firstnm forename forenames fname frstname fstname first \
         given vorname vornamen vname rufname prenom prenoms nombre nombres nombredepila primernombre voornaam \
         voornamen roepnaam nome primeironome christianname imie fornamn fornavn etunimi preferredname knownas",
    ),
    (
        Role::FamilyName,
        "familyname familynames familynm surname surnames surnm lastname lastnames lastnm lname last family nachname \
         nachnamen nname zuname familienname nom nomfamille nomdefamille patronyme apellido apellidos primerapellido \
         apellidopaterno achternaam cognome sname secondname sobrenome apelido nazwisko efternamn etternavn \
         efternavn sukunimi",
    ),
    (
        Role::FullName,
        "name fullname fullnm personname customername custname clientname patientname contactname displayname \
         membername holdername accountname firstandsurname firstlastname wholename completename nombrecompleto \
         nombreyapellidos nomcomplet nometprenom nomprenom nomecompleto nominativo vollername vollstandigername \
         kundenname naam namn navn",
    ),
    (
        Role::BirthDate,
        "dob dobraw dateofbirth dobirth dtbirth birth birthdate birthdt birthday bday bdate borndate dateborn born \
         bornon birthdateiso geburtsdatum geburtstag gebdatum gebdat geboren geborenam datenaissance \
         datedenaissance naissance datnais nele fechanacimiento fechadenacimiento fecnac nacimiento datadinascita \
         nascita datanascita datadenascimento datanascimento nascimento geboortedatum fodselsdato fodelsedatum \
         fodselsdag dataurodzenia syntymaaika",
    ),
    (
        Role::Email,
        "email emails mail mails emailaddress emailaddr mailaddress emailid mailid emladdr eml correo \
         correoelectronico courriel epost adresseemail adressemail emailadresse mailadresse indirizzoemail posta \
         postaelettronica primaryemail useremail contactemail workemail homeemail personalemail",
    ),
    (
        Role::Phone,
        "phone phones phoneno phonenr phonenum phonenumber phn phno phoneraw telephone telephoneno telephonenumber \
         tel telno telnr telnumber mobile mobiles mobileno mobilenr mobilenumber mobilephone mobno mob cell cellno \
         cellphone cellnumber cellular homephone phonehome workphone phonework phonemobile mobilehome dayphone \
         eveningphone landline telefon telefonnr telefonnummer telefono telefoon telefoonnummer telefone fon \
         rufnummer festnetz handy handynr handynummer mobil mobilnr mobilnummer mobiltelefon portable numtel \
         numerotelephone numerodetelephone celular movil cellulare gsm tlf msisdn contactnumber contactno \
         contactphone primaryphone",
    ),
    (
        Role::HouseNumber,
        "streetnumber housenumber houseno housenr housenum streetno streetnr number hausnummer hausnr hnr huisnummer \
         huisnr buildingnumber numerocivico civico numeroderue numeroportal",
    ),
    (
        Role::Street,
        "street address addressline addressline1 addresslineone address1 addr addr1 addrline1 streetaddress \
         streetaddr streetname streetline1 streetline line1 addressstreet strasse str anschrift adresse adresse1 \
         adresseligne1 ligne1 rue voie calle direccion domicilio indirizzo endereco logradouro straat straatnaam \
         adres ulica gata gatuadress gateadresse postaladdress homeaddress homeaddr mailingaddress residentialaddress \
         billingaddress shippingaddress",
    ),
    (
        Role::SecondLine,
        "address2 addressline2 addresslinetwo addr2 addrline2 line2 streetaddress2 streetline2 adresse2 adresszusatz \
         ligne2 locality complement complementoadresse apartment apt unit flat",
    ),
    (
        Role::City,
        "city cityname cty ctynm town townname suburb place birthplace placeofbirth birthcity ort wohnort stadt geburtsort ville commune \
         lieudenaissance ciudad poblacion localidad municipio lugarnacimiento citta comune luogodinascita cidade \
         plaats woonplaats miasto postort poststed posttown municipality village hometown addresscity homecity",
    ),
    (
        Role::Postcode,
        "postcode postcd postalcode postalcd postal zip zipcode zipcd zip5 zippostal pincode plz postleitzahl cp \
         codepostal codpostal codigopostal cap cep postnr postnummer postkode kodpocztowy postcodefake addresszip \
         eircode",
    ),
    (
        Role::Region,
        "state statecode stateabbr stcd stcode stprov province provincia prov region county bundesland departement stateprovince usstate \
         addressstate canton kanton",
    ),
    (
        Role::NationalId,
        "ssn ssnid ssnlast ssnlast4 ssnumber socsec socsecid socsecno socialsecurity socialsecurityno \
         socialsecuritynumber socialsecuritynum sin socialinsurancenumber nationalid nationalidno nationalidnumber \
         natid nin nino nationalinsurance nationalinsurancenumber nhs nhsno nhsnumber taxid taxno taxnumber \
         taxpayerid tin passport passportno passportnumber driverslicense driverlicense driverslicenseno \
         driverslicensenumber idcard idcardno idnumber governmentid citizenid personnummer personalnumber bsn cpf \
         curp rfc pesel cnp aadhaar aadhar codicefiscale codfiscale dni nif nie nir insee numerosecuritesociale \
         steuerid steuernummer svnr ahv ahvnummer sozialversicherungsnummer rodnecislo hetu cedula rut niss",
    ),
    (Role::UserId, "userid uid loginid login username useraccount"),
    (
        Role::Device,
        "anonymousid anonid deviceid device cookieid cookie visitorid idfa gaid clientid fingerprint \
         advertisingid adid",
    ),
    (
        Role::SourceId,
        "crmid crmno customerid customerno customernr customernumber customerref custid custno custnr custnumber \
         clientno clientnr clientnumber clientref kundennummer kundennr kundenid kdnr numclient numeroclient \
         numerocliente codigocliente codicecliente klantnummer klantnr memberid memberno membernumber \
         membershipid membershipno membershipnumber loyaltyid loyaltyno loyaltynumber loyaltycard accountid accountno \
         accountnumber acctid acctno contactid patientid patientno patientnumber mrn externalid externalref legacyid \
         subscriberid employeeid employeeno studentid studentno policyno policynumber",
    ),
    (
        Role::Text,
        "birthyear yearofbirth yob dobyear geburtsjahr jahrgang anneedenaissance anneenaissance annodinascita \
         anonacimiento geboortejaar rokurodzenia occupation beruf profession gender sex geschlecht sexe sexo job jobtitle title salutation anrede company \
         companyname firma societe empresa employer organisation organization ragionesociale middlename middlenames \
         middleinitial middle mname suffix namesuffix maritalstatus nationality",
    ),
];

/// Words before or after a name that say whose or which it is.
const FILLERS: [&str; 28] = [
    "customer",
    "cust",
    "client",
    "person",
    "people",
    "patient",
    "member",
    "contact",
    "user",
    "subscriber",
    "holder",
    "primary",
    "main",
    "current",
    "home",
    "billing",
    "shipping",
    "mailing",
    "raw",
    "clean",
    "std",
    "norm",
    "txt",
    "value",
    "val",
    "field",
    "col",
    "fld",
];

/// What a column of this name should be: as it is written, without a number
/// behind, with two words turned round, without words that say whose it is,
/// or by its end.
pub(crate) fn by_name(name: &str) -> Option<Role> {
    let words = words(name);
    let numbered = words.iter().map(String::as_str).collect::<Vec<_>>();
    let bare: Vec<&str> =
        numbered.iter().copied().filter(|word| !word.bytes().all(|byte| byte.is_ascii_digit())).collect();
    let tells = |word: &str| word.len() > 1 && !FILLERS.contains(&word);
    let telling: Vec<&str> = bare.iter().copied().filter(|word| tells(word)).collect();
    let turned: Vec<&str> = telling.iter().copied().rev().collect();
    let unnumbered = bare.concat();
    let unnumbered = unnumbered.trim_end_matches(|character: char| character.is_ascii_digit());
    known(&numbered.concat())
        .or_else(|| known(unnumbered))
        .or_else(|| known(&telling.concat()))
        .or_else(|| known(&turned.concat()))
        .or_else(|| by_ending(unnumbered))
}

/// The words of a name, folded: parted by what is no letter, at a capital
/// after a small letter, and before and after digits.
pub(super) fn words(name: &str) -> Vec<String> {
    let mut parted = String::with_capacity(name.len() + 8);
    let mut before: Option<char> = None;
    for character in name.chars() {
        let boundary = before.is_some_and(|before| {
            (before.is_lowercase() && character.is_uppercase()) || before.is_ascii_digit() != character.is_ascii_digit()
        });
        if boundary {
            parted.push(' ');
        }
        parted.push(character);
        before = Some(character);
    }
    let plain = normalise::plain(&parted);
    let folded = normalise::folded(&plain).unwrap_or(plain);
    folded.split(' ').filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

fn known(name: &str) -> Option<Role> {
    let holds = |names: &str| names.split_ascii_whitespace().any(|known| known == name);
    NAMES.iter().find(|(_, names)| holds(names)).map(|(role, _)| *role)
}

/// Prefixed names, such as `acmefirstname`.
fn by_ending(name: &str) -> Option<Role> {
    let ends = |known: &str| known.len() >= 5 && name.ends_with(known);
    let longest = |names: &str| names.split_ascii_whitespace().filter(|known| ends(known)).map(str::len).max();
    let found = NAMES.iter().filter_map(|(role, names)| Some((longest(names)?, *role)));
    found.reduce(|best, next| if next.0 > best.0 { next } else { best }).map(|(_, role)| role)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_cut_into_words() {
        for (name, expected) in [
            ("firstName", "first name"),
            ("NAME_FIRST", "name first"),
            ("Straße", "strasse"),
            ("addr1", "addr 1"),
            ("date-de.naissance", "date denaissance"),
        ] {
            assert_eq!(words(name).join(" "), expected);
        }
    }

    #[test]
    fn no_name_is_listed_twice() {
        let mut all: Vec<&str> = NAMES.iter().flat_map(|(_, names)| names.split_ascii_whitespace()).collect();
        let count = all.len();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), count);
        assert!(all.iter().all(|name| name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())));
    }

    #[test]
    fn the_longest_ending_decides() {
        assert_eq!(by_name("acmefirstname"), Some(Role::GivenName));
        assert_eq!(by_name("legacysurname"), Some(Role::FamilyName));
        assert_eq!(by_name("xyz"), None);
    }
}
