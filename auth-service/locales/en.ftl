# The English texts of the hosted pages. A text that is not here is not on a page; a test finds what is missing or unused.
# `$issuer` is the setting `pages.name`, and is known to every message.

## On every page

page-title = { $heading } – { $issuer }
page-title-error = Error: { $heading } – { $issuer }
skip = Skip to content
# The name of this language, in this language: what a link to it says.
language = English
help = Help
sign-out = Sign out
use-another-account = Use another account
go-to-account = Go to your account
signed-in-as = You are signed in as { $user }.

## Forms

error-label = Error:
optional = (optional)
summary = There are { $count } things to put right
username = User name
password = Password
password-empty = Enter your password.
show = Show
hide = Hide
show-password = Show password
hide-password = Hide password
password-is-visible = Your password is visible
password-is-hidden = Your password is hidden
throttled = Too many attempts. Wait { $wait }, then try again.
long-wait = You need not wait: a new password lets you in at once.
long-wait-support = Somebody can help you:
wait-moment = less than a minute
wait-minutes = { $count ->
    [one] one minute
   *[other] { $count } minutes
}
wait-hours = { $count ->
    [one] one hour
   *[other] { $count } hours
}
busy = Many people are signing in right now. Wait a few seconds, enter your password again and try once more.

## Sign in

sign-in = Sign in
sign-in-to-continue = Sign in to continue to { $app }
identifier = User name or e-mail address
identifier-empty = Enter your user name or e-mail address.
wrong-password = The user name or the password is not right. Check both and try again.
email-not-verified = Confirm your e-mail address first. We have just sent you a new link.
new-here = New here? { $link }
create-an-account = Create an account
confirm-you = Confirm it is you
confirm-you-text = You are signed in as { $user }. Enter your password to go on.
continue = Continue
which-account = Which account?
continue-as = Continue as { $user }

## Create an account

register = Create your account
create-account = Create account
username-hint = You sign in with it. Applications you allow can see it.
email = E-mail address
email-hint = You need it to get back in if you forget your password.
password-hint = At least { $min } characters. A few words in a row work well.
username-unusable = This user name cannot be used. Choose another one.
username-length = Use 1 to 100 characters.
username-outer-space = Remove the space at the start or end.
username-characters = Remove invisible characters.
username-scripts = Use the letters of one script only.
email-unreadable = Enter an e-mail address like ada@example.org.
email-missing = Enter your e-mail address.
password-short = Use at least { $min } characters.
password-long = Use at most { $max } characters.
password-common = Many people use this password, or it is known from a data leak. Choose another one.
password-equal = Do not use your user name or address as the password.
registration-closed = Registration is closed
registration-closed-text = The people who run { $issuer } create new accounts.

## Consent

consent = Allow access to your account?
consent-title = Allow access for { $app }?
consent-text = This application would like to:
scope-openid = Know who you are
    .sentence = An identifier for your account, the same each time. Not your password.
scope-profile = See your profile
    .sentence = Your name, user name, picture and language.
scope-email = See your e-mail address
    .sentence = And whether you have confirmed it.
scope-phone = See your phone number
scope-address = See your postal address
scope-offline_access = Stay connected
    .sentence = Also while you are not there, until you disconnect it.
scope-todos-read = Read your to-dos
scope-todos-write = Change your to-dos
scope-todos-both = Read and change your to-dos
scope-unknown = Use “{ $scope }”
    .sentence = We have no description of this.
third-party = It is not run by { $issuer }. Allow it only if you started this yourself.
leads-to-host = Either way you go back to { $host }.
leads-to-device = Either way you go back to an application on this device.
allow = Allow
deny = Don’t allow
consent-user = Signed in as { $user }.

## Continue to a client

continue-to = Continue to { $app }?
continue-to-text = It is an application on this device, and you go on as { $user }. Only if you have just started it.
back-to = Back to { $app }
back-to-text = If nothing happens, press Continue.

## Sign out

sign-out-question = Sign out?
sign-out-text = You will be signed out of { $issuer } in this browser, and of the applications you opened with it.
stay-signed-in = Stay signed in
signed-out = You are signed out
signed-out-text = If other people use this device, close the browser as well.
sign-in-again = Sign in again
return-unknown = The application named a return address that we do not know, so you stay here.
still-connected = Still connected, until you disconnect them: { $apps }.
applications = Connected applications

## Your account

account = Your account
overview = Overview
sessions = Sessions
where-signed-in = Where you are signed in
sessions-text = If you see a device you do not know, sign it out and change your password.
this-device = This device
device-on = { $program } on { $system }
unknown-device = A device that we do not know
used-now = In use now
last-used = Last used { $ago }
signed-in-at = Signed in { $date }
opened-apps = Opened with it: { $apps }.
sign-out-others = Sign out everywhere else
sign-out-others-text = This device stays signed in.
is-signed-out = { $device } is signed out.
this-device-only = You are signed in on this device only.
show-more = Show more
applications-short = Applications
applications-text = What they may do, and since when.
part-of = Part of { $issuer }
can = Can: { $scopes }
allowed-at = Allowed on { $date }
disconnect = Disconnect
disconnected = { $app } is disconnected. It has to ask you again.
applications-empty = No application has access yet
applications-empty-text = When you allow one, it is listed here.

## Mailed links

forgot = Forgot your password?
forgot-text = If there is an account with a confirmed address, we send a link to it.
send-link = Send link
check-mail = Check your mail
forgot-sent = If there is an account for what you entered, a link is on its way. It works once, for one hour. Nothing there? Look in your spam folder, or try again in a few minutes.
check-mail-text = We have sent a link to { $address }. Open it to finish.
new-password-choose = Choose a new password
new-password-text = For { $user }. You will be signed out everywhere.
new-password = New password
save-password = Save password
sign-in-after-reset = Your password is changed. Sign in with the new one.
verify = Confirm your e-mail address
password-of = Password of { $user }
password-wrong = The password is not right.
confirm-address = Confirm address
email-verified = Your e-mail address is confirmed
email-verified-text = You can close this window.
dead-link = This link no longer works.
dead-link-text = It works once and only for { $life }.
send-new-link = Send a new link
no-mail = This server sends no mail. Ask for help: { $support }
no-mail-no-support = This server sends no mail. Ask the people who run it for help.
verify-text = { $address } will belong to the account { $user }.
life-hours = { $count ->
    [one] one hour
   *[other] { $count } hours
}
life-days = { $count ->
    [one] one day
   *[other] { $count } days
}

## Address and password of the account

confirmed = Confirmed
not-confirmed = Not confirmed
pending-email = New e-mail address
email-none = Add an address, so that you can reset your password.
change = Change
add-address = Add an address
link-sent = A link is on its way to your address.
address-asked = A link is on its way to the new address. Nothing changes before you open it.
change-address = Your e-mail address
new-email = New e-mail address
new-email-hint = We send a link to it. Nothing changes before you open it.
security = Security
current-password = Current password
current-password-empty = Enter your current password.
current-password-wrong = The current password is not right.
change-password = Change password
password-changed = Your password is changed. You are signed out everywhere else.

## Times

ago-moment = a moment ago
ago-minutes = { $count ->
    [one] one minute ago
   *[other] { $count } minutes ago
}
ago-hours = { $count ->
    [one] one hour ago
   *[other] { $count } hours ago
}
ago-days = { $count ->
    [one] one day ago
   *[other] { $count } days ago
}
date = { $day } { $month } { $year }, { $time } UTC
month-1 = January
month-2 = February
month-3 = March
month-4 = April
month-5 = May
month-6 = June
month-7 = July
month-8 = August
month-9 = September
month-10 = October
month-11 = November
month-12 = December

## Errors

sign-in-ended = This sign-in has ended
sign-in-ended-text = The application was changed or removed meanwhile. Go back to it and start again.
bad-link = This link does not work
bad-link-text = The application that sent you here is not set up correctly. It got nothing from us. Tell the people who run it.
foreign-form = We did not accept this form
foreign-form-text = It did not come from our page, or you were signed out meanwhile. Nothing was changed.
start-again = Start again
not-found = There is no such page
server-error = Something went wrong on our side
server-error-text = Try again in a few minutes. If it stays like this, ask for help and name this number:
details = For the people who run the application
details-code = Error code
details-request = Request
details-time = Time
details-client = Application
