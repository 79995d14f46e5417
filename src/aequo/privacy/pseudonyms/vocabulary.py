"""The words that columns with personal data are named by."""

from __future__ import annotations

__all__ = ["ABOUT", "BY_ENDING", "NOT_A_PERSON"]

# Each word is the end of a column's name with its words run together: `home_phone_no` ends in `phoneno`.
_ENDINGS = {
    "email": "email emailaddress emailaddr mail mailaddress eaddress courriel correo correoelectronico",
    "phone": "phone phoneno phonenr phonenum phonenumber telephone telephoneno telephonenumber tel telno telnumber "
    "mobile mobileno mobilenumber mobilephone cell cellno cellphone cellnumber cellular fax faxno faxnumber msisdn "
    "telefon telefono telefonnummer contactnumber contactno whatsapp",
    "ssn": "ssn ssnno ssnnumber socialsecurity socialsecurityno socialsecuritynr socialsecuritynumber socsec "
    "nationalid nationalidno nationalidnumber nationalinsuranceno nationalinsurancenumber nino itin taxid taxpayerid "
    "taxnumber personnummer aadhaar aadhaarnumber cpf dni curp pesel bsn codicefiscale nhsnumber nhsno passport "
    "passportno passportnumber driverlicense driverslicense driverlicence driverslicence driverlicensenumber "
    "licensenumber licencenumber identitycard identitynumber idcard idcardnumber steuerid",
    "address": "address addr addressline street streetaddress streetname streetline homeaddress residence adresse "
    "anschrift strasse direccion domicilio indirizzo",
    "name": "fullname personname wholename legalname realname nombre nom nome nombrecompleto displayname",
    "given_name": "firstname givenname forename fname middlename mname prenom vorname nickname",
    "family_name": "lastname familyname surname lname sname maidenname apellido apellidos nachname nomdefamille "
    "secondname",
    "date of birth": "dob dateofbirth birthdate birthday birthdt datebirth borndate bornon geburtsdatum",
    "iban": "iban ibanno ibannumber bankaccount bankaccountno bankaccountnumber",
    "card number": "cardnumber cardno creditcard creditcardno creditcardnumber debitcard debitcardnumber ccnumber "
    "ccnum pan",
    "IP address": "ip ipaddress ipaddr ipv4 ipv6 clientip remoteip remoteaddr hostip",
    "identifier": "username userid login loginname handle screenname customerid customerno customernumber clientid "
    "patientid patientno personid personno personalid memberid membershipno employeeid employeeno studentid "
    "applicantid accountid accountno accountnumber policyno policynumber mrn medicalrecordnumber deviceid imei imsi "
    "macaddress licenseplate licenceplate numberplate vin cookieid subjectid citizenid voterid uid",
    "location": "latitude longitude lat lon lng gps geolocation postcode postalcode zip zipcode plz",
}
BY_ENDING = {ending: kind for kind, endings in _ENDINGS.items() for ending in endings.split()}
"""What a column holds whose name ends so."""

_THINGS = """
agency airline airport app application area artist attribute bank base battery board book borough brand branch bucket
bus business building campaign car category chain channel charge check cinema city class club cluster college color
colour column common community company component container corporate country county course crime currency data database
dataset day department device disease district dns document domain drug entity event factory feature federation field
file filter firm flag folder font food framework function game gene genus group hospital host hotel image index industry
institution instrument item job key label language league library line list location machine market measure method
metric model module month municipality network node object office operator organisation organization package page
parameter park partner party path period place plan plant platform policy port position process product profile program
programme project property province region report resource restaurant role room route rule sample school section sector
sensor series server service set sheet shop site skill software song source species sport stage state station stock
store stream study style system table tag task team template test theme topic town track trade trait type university
unit variable vehicle vendor version vessel village ward website year zone
"""
NOT_A_PERSON = frozenset(_THINGS.split())
"""``name`` at the end of a column's name is a person's, unless the word before is one of these."""

_TOLD = "pct percent percentage share has have is was no without num count cnt n nb avg mean total hash hashed"
ABOUT = frozenset(_TOLD.split())
"""A column's name that begins so tells something about a field and does not hold it: ``no_phone``, ``pct_email``."""
