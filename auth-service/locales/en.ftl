# The English texts of the hosted pages. A text that is not here is not on a page; a test finds what is missing or unused.
# `$issuer` is the setting `pages.name`, and is known to every message.

## On every page

page-title = { $heading } – { $issuer }
page-title-error = Error: { $heading } – { $issuer }
skip = Skip to content
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

## Your account

account = Your account

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
