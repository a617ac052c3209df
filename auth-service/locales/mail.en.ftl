# The English texts of mails. A text that is not here is not in a mail; a test finds what is missing or unused.
# `$issuer` is the setting `pages.name`, and is known to every message. Dates and months are those of the pages.
# Keep to ASCII: then the mail is sent as it is written, and no mail program has to decode it.

mail-hello = Hello { $user },
mail-hello-stranger = Hello,
mail-link-life = The link works for { $life }, until { $date }.
mail-life-minutes = { $count ->
    [one] one minute
   *[other] { $count } minutes
}
mail-life-hours = { $count ->
    [one] one hour
   *[other] { $count } hours
}
mail-life-days = { $count ->
    [one] one day
   *[other] { $count } days
}
mail-link-in-full = If the button does not work, copy this address into your browser:
mail-footer = { $issuer } ({ $host }) sent this mail automatically. Nobody reads replies to it.
mail-support = Help:

mail-password-reset = Choose a new password for { $issuer }
mail-password-reset-text = Somebody, probably you, asked for a new password for your account. To choose one, open this link:
mail-password-reset-button = Choose a new password
mail-password-reset-otherwise = If it was not you, ignore this mail. Your password stays as it is.

mail-verification = Confirm your e-mail address for { $issuer }
mail-verification-text = Somebody, probably you, gave this address for an account. If the account is yours, open this link and confirm the address there:
mail-verification-button = Confirm the address
mail-verification-otherwise = If you have no account there, ignore this mail. The address then stays unconfirmed.

mail-new-address = Confirm your new e-mail address for { $issuer }
mail-new-address-text = Somebody, probably you, wants to use this address for an account from now on. If the account is yours, open this link and confirm the address there:
mail-new-address-button = Confirm the new address
mail-new-address-otherwise = If you have no account there, ignore this mail. The account then keeps its present address.

mail-address-change-requested = Somebody wants to change your e-mail address
mail-address-change-requested-text = On { $date }, somebody, probably you, asked to replace the e-mail address of your account. It stays as it is until the new address is confirmed.
mail-address-change-requested-otherwise = If it was not you, somebody else knows your password. Choose a new one at once, which also stops the change:
mail-address-change-requested-button = Choose a new password

mail-address-changed = Your e-mail address was changed
mail-address-changed-text = On { $date }, the e-mail address of your account was replaced by another one. This is the last mail to the former address.
mail-address-changed-otherwise = If it was not you, tell the people who run { $issuer } at once.

mail-password-changed = Your password was changed
mail-password-changed-text = On { $date }, the password of your account was changed. If it was you, there is nothing to do.
mail-password-changed-otherwise = If it was not you, choose a new password at once:
mail-password-changed-button = Choose a new password

mail-account-locked = Your account is locked for a time
mail-account-locked-text = On { $date }, your account was locked for { $life }, until { $end }, because too many attempts to sign in had failed. The lock ends by itself.
mail-account-locked-unknown = They came from a device that your account does not know. In a browser in which you signed in before, you can sign in as always.
mail-account-locked-device = They came from a browser in which somebody signed in to your account before. Only this browser is locked out.
mail-account-locked-network = They came from a network from which somebody signed in to your account before. Only this network is locked out.
mail-account-locked-otherwise = If it was not you, somebody tried to guess your password and was stopped. Wherever you are signed in, you stay signed in. A new password ends the lock at once, for you as well:
mail-account-locked-button = Choose a new password

mail-invitation = You are invited to { $issuer }
mail-invitation-text = You are invited to create an account. Open this link to begin:
mail-invitation-button = Create an account
mail-invitation-otherwise = If you did not expect this, ignore this mail. Nothing was created for you.

mail-test = Test of the mail settings of { $issuer }
mail-test-text = This mail was sent on { $date } to test the settings. If you can read it, they work.
