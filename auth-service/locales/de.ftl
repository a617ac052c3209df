# The German texts of the hosted pages, with the same messages as `en.ftl`; a test compares them.
# `$issuer` is the setting `pages.name`, and is known to every message.

## On every page

page-title = { $heading } – { $issuer }
page-title-error = Fehler: { $heading } – { $issuer }
skip = Zum Inhalt springen
# The name of this language, in this language: what a link to it says.
language = Deutsch
help = Hilfe
sign-out = Abmelden
use-another-account = Anderes Konto verwenden
go-to-account = Zu Ihrem Konto
signed-in-as = Sie sind als { $user } angemeldet.

## Forms

error-label = Fehler:
optional = (freiwillig)
summary = Bitte prüfen Sie { $count } Angaben
username = Benutzername
password = Passwort
password-empty = Geben Sie Ihr Passwort ein.
show = Anzeigen
hide = Verbergen
show-password = Passwort anzeigen
hide-password = Passwort verbergen
password-is-visible = Ihr Passwort ist sichtbar
password-is-hidden = Ihr Passwort ist verborgen
throttled = Zu viele Versuche. Warten Sie { $wait } und versuchen Sie es dann noch einmal.
long-wait = Sie müssen nicht warten: Mit einem neuen Passwort kommen Sie sofort hinein.
long-wait-support = Jemand kann Ihnen helfen:
wait-moment = weniger als eine Minute
wait-minutes = { $count ->
    [one] eine Minute
   *[other] { $count } Minuten
}
wait-hours = { $count ->
    [one] eine Stunde
   *[other] { $count } Stunden
}
busy = Gerade melden sich sehr viele Menschen an. Warten Sie ein paar Sekunden, geben Sie Ihr Passwort noch einmal ein und versuchen Sie es erneut.

## Sign in

sign-in = Anmelden
sign-in-to-continue = Anmelden, um fortzufahren zu { $app }
identifier = Benutzername oder E-Mail-Adresse
identifier-empty = Geben Sie Ihren Benutzernamen oder Ihre E-Mail-Adresse ein.
wrong-password = Benutzername oder Passwort stimmt nicht. Prüfen Sie beides und versuchen Sie es noch einmal.
email-not-verified = Bestätigen Sie zuerst Ihre E-Mail-Adresse. Wir haben Ihnen gerade einen neuen Link geschickt.
new-here = Neu hier? { $link }
create-an-account = Konto anlegen
confirm-you = Bestätigen Sie, dass Sie es sind
confirm-you-text = Sie sind als { $user } angemeldet. Geben Sie Ihr Passwort ein, um fortzufahren.
continue = Weiter
which-account = Welches Konto?
continue-as = Weiter als { $user }

## Create an account

register = Konto anlegen
create-account = Konto anlegen
username-hint = Damit melden Sie sich an. Anwendungen, denen Sie es erlauben, sehen ihn.
email = E-Mail-Adresse
email-hint = Sie brauchen sie, wenn Sie Ihr Passwort vergessen.
password-hint = Mindestens { $min } Zeichen. Mehrere Wörter hintereinander eignen sich gut.
username-unusable = Dieser Benutzername ist nicht möglich. Wählen Sie einen anderen.
username-length = 1 bis 100 Zeichen sind erlaubt.
username-outer-space = Entfernen Sie das Leerzeichen am Anfang oder Ende.
username-characters = Entfernen Sie unsichtbare Zeichen.
username-scripts = Verwenden Sie Buchstaben nur einer Schrift.
email-unreadable = Geben Sie eine E-Mail-Adresse wie ada@example.org ein.
email-missing = Geben Sie Ihre E-Mail-Adresse ein.
password-short = Verwenden Sie mindestens { $min } Zeichen.
password-long = Verwenden Sie höchstens { $max } Zeichen.
password-common = Dieses Passwort ist zu verbreitet oder aus einem Datenleck bekannt. Wählen Sie ein anderes.
password-equal = Benutzername und Adresse eignen sich nicht als Passwort.
registration-closed = Registrierung geschlossen
registration-closed-text = Neue Konten legen die Betreiber von { $issuer } an.

## Consent

consent = Zugriff auf Ihr Konto erlauben?
consent-title = Zugriff für { $app } erlauben?
consent-text = Diese Anwendung möchte:
scope-openid = Wissen, wer Sie sind
    .sentence = Eine gleichbleibende Kennung Ihres Kontos. Nicht Ihr Passwort.
scope-profile = Ihr Profil sehen
    .sentence = Name, Benutzername, Bild und Sprache.
scope-email = Ihre E-Mail-Adresse sehen
    .sentence = Und ob Sie sie bestätigt haben.
scope-phone = Ihre Telefonnummer sehen
scope-address = Ihre Anschrift sehen
scope-offline_access = Verbunden bleiben
    .sentence = Auch wenn Sie nicht da sind, bis Sie die Verbindung trennen.
scope-todos-read = Ihre Aufgaben lesen
scope-todos-write = Ihre Aufgaben ändern
scope-todos-both = Ihre Aufgaben lesen und ändern
scope-unknown = „{ $scope }“ verwenden
    .sentence = Dazu gibt es keine Beschreibung.
third-party = Sie wird nicht von { $issuer } betrieben. Erlauben Sie den Zugriff nur, wenn Sie das selbst begonnen haben.
leads-to-host = In beiden Fällen geht es zurück zu { $host }.
leads-to-device = In beiden Fällen geht es zurück zu einer Anwendung auf diesem Gerät.
allow = Erlauben
deny = Nicht erlauben
consent-user = Angemeldet als { $user }.

## Continue to a client

continue-to = Weiter zu { $app }?
continue-to-text = Das ist eine Anwendung auf diesem Gerät, und Sie fahren als { $user } fort. Nur, wenn Sie sie gerade gestartet haben.
back-to = Zurück zu { $app }
back-to-text = Wenn nichts geschieht, drücken Sie auf „Weiter“.

## Sign out

sign-out-question = Abmelden?
sign-out-text = Sie werden in diesem Browser bei { $issuer } abgemeldet, ebenso bei den Anwendungen, die Sie damit geöffnet haben.
stay-signed-in = Angemeldet bleiben
signed-out = Sie sind abgemeldet
signed-out-text = Wenn andere dieses Gerät benutzen, schließen Sie auch den Browser.
sign-in-again = Wieder anmelden
return-unknown = Die Anwendung nannte eine Rücksprungadresse, die wir nicht kennen. Deshalb bleiben Sie hier.
still-connected = Weiterhin verbunden, bis Sie die Verbindung trennen: { $apps }.
applications = Verbundene Anwendungen

## Your account

account = Ihr Konto
overview = Übersicht
sessions = Sitzungen
where-signed-in = Wo Sie angemeldet sind
sessions-text = Wenn Sie ein Gerät nicht kennen, melden Sie es ab und ändern Sie Ihr Passwort.
this-device = Dieses Gerät
device-on = { $program } auf { $system }
unknown-device = Ein Gerät, das wir nicht kennen
used-now = Gerade in Benutzung
last-used = Zuletzt benutzt { $ago }
signed-in-at = Angemeldet am { $date }
opened-apps = Damit geöffnet: { $apps }.
sign-out-others = Überall sonst abmelden
sign-out-others-text = Dieses Gerät bleibt angemeldet.
is-signed-out = { $device } ist abgemeldet.
this-device-only = Sie sind nur auf diesem Gerät angemeldet.
show-more = Mehr anzeigen
applications-short = Anwendungen
applications-text = Was sie dürfen, und seit wann.
part-of = Teil von { $issuer }
can = Darf: { $scopes }
allowed-at = Erlaubt am { $date }
disconnect = Trennen
disconnected = { $app } ist getrennt und muss Sie wieder fragen.
applications-empty = Noch hat keine Anwendung Zugriff
applications-empty-text = Wenn Sie einer den Zugriff erlauben, steht sie hier.

## Mailed links

forgot = Passwort vergessen?
forgot-text = Wenn es ein Konto mit bestätigter Adresse gibt, schicken wir einen Link dorthin.
send-link = Link senden
check-mail = Prüfen Sie Ihr Postfach
forgot-sent = Wenn es zu Ihrer Eingabe ein Konto gibt, ist ein Link unterwegs. Er funktioniert einmal, eine Stunde lang. Nichts da? Sehen Sie im Spam-Ordner nach oder versuchen Sie es in ein paar Minuten noch einmal.
check-mail-text = Wir haben einen Link an { $address } geschickt. Öffnen Sie ihn, um die Registrierung abzuschließen.
new-password-choose = Neues Passwort wählen
new-password-text = Für { $user }. Sie werden überall abgemeldet.
new-password = Neues Passwort
save-password = Passwort speichern
sign-in-after-reset = Ihr Passwort ist geändert. Melden Sie sich mit dem neuen an.
verify = E-Mail-Adresse bestätigen
password-of = Passwort von { $user }
password-wrong = Das Passwort stimmt nicht.
confirm-address = Adresse bestätigen
email-verified = Ihre E-Mail-Adresse ist bestätigt
email-verified-text = Sie können dieses Fenster schließen.
dead-link = Dieser Link gilt nicht mehr.
dead-link-text = Er funktioniert einmal und nur { $life } lang.
send-new-link = Neuen Link senden
no-mail = Dieser Server verschickt keine E-Mails. Hilfe finden Sie hier: { $support }
no-mail-no-support = Dieser Server verschickt keine E-Mails. Bitten Sie die Betreiber um Hilfe.
verify-text = { $address } gehört dann zum Konto { $user }.
life-hours = { $count ->
    [one] eine Stunde
   *[other] { $count } Stunden
}
life-days = { $count ->
    [one] einen Tag
   *[other] { $count } Tage
}

## Address and password of the account

confirmed = Bestätigt
not-confirmed = Nicht bestätigt
pending-email = Neue E-Mail-Adresse
email-none = Fügen Sie eine Adresse hinzu, damit Sie Ihr Passwort zurücksetzen können.
change = Ändern
add-address = Adresse hinzufügen
link-sent = Ein Link an Ihre Adresse ist unterwegs.
address-asked = Ein Link an die neue Adresse ist unterwegs. Bis Sie ihn öffnen, ändert sich nichts.
change-address = Ihre E-Mail-Adresse
new-email = Neue E-Mail-Adresse
new-email-hint = Wir schicken einen Link dorthin. Bis Sie ihn öffnen, ändert sich nichts.
security = Sicherheit
current-password = Aktuelles Passwort
current-password-empty = Geben Sie Ihr aktuelles Passwort ein.
current-password-wrong = Das aktuelle Passwort stimmt nicht.
change-password = Passwort ändern
password-changed = Ihr Passwort ist geändert. Überall sonst sind Sie abgemeldet.

## Times

ago-moment = vor einem Augenblick
ago-minutes = { $count ->
    [one] vor einer Minute
   *[other] vor { $count } Minuten
}
ago-hours = { $count ->
    [one] vor einer Stunde
   *[other] vor { $count } Stunden
}
ago-days = { $count ->
    [one] vor einem Tag
   *[other] vor { $count } Tagen
}
date = { $day }. { $month } { $year }, { $time } UTC
month-1 = Januar
month-2 = Februar
month-3 = März
month-4 = April
month-5 = Mai
month-6 = Juni
month-7 = Juli
month-8 = August
month-9 = September
month-10 = Oktober
month-11 = November
month-12 = Dezember

## Errors

sign-in-ended = Diese Anmeldung ist beendet
sign-in-ended-text = Die Anwendung wurde inzwischen geändert oder entfernt. Gehen Sie zurück zu ihr und beginnen Sie neu.
bad-link = Dieser Link funktioniert nicht
bad-link-text = Die Anwendung, von der Sie kommen, ist nicht richtig eingerichtet. Sie hat nichts von uns erhalten. Bitte informieren Sie deren Betreiber.
foreign-form = Dieses Formular wurde nicht angenommen
foreign-form-text = Es kam nicht von unserer Seite, oder Sie wurden inzwischen abgemeldet. Nichts wurde geändert.
start-again = Neu beginnen
not-found = Diese Seite gibt es nicht
server-error = Bei uns ist etwas schiefgegangen
server-error-text = Versuchen Sie es in ein paar Minuten noch einmal. Bleibt es so, bitten Sie um Hilfe und nennen Sie diese Nummer:
details = Für Betreiber der Anwendung
details-code = Fehlercode
details-request = Anfrage
details-time = Zeit
details-client = Anwendung
