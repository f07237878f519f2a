//! Requests that bring a password, and those that change one.
//!
//! MUST: a try is charged, durably, before the password is looked at, and the account's next one waits until it is judged.

use mfad_proto::{Code, Context, Label, Password, Refusal, Reply};

use super::outcome::{Halt, Outcome};
use super::{Handler, vault};
use crate::accounts::{Accounts, Decided};
use crate::locks::Lock;
use crate::policy::{Permit, Shown};
use crate::reason::Reason;
use crate::record::Record;
use crate::throttle::Lane;
use crate::vault::{Authenticated, First};

/// A first factor that was judged. It holds the account's turn until it is dropped: after the decision is durable.
pub(super) struct Proved<'h> {
    pub(super) first: First,
    _turn: Option<Lock<'h>>,
}

impl Handler {
    /// Judges how the first factor is shown. `code` is the lane of the code that comes with it, where its delay may show.
    pub(super) async fn first(
        &self,
        accounts: &Accounts,
        permit: &Permit<'_>,
        shown: Shown,
        code: Option<Lane>,
    ) -> Result<Proved<'_>, Halt> {
        let password = match shown {
            Shown::Vouched => return Ok(Proved { first: First::Vouched, _turn: None }),
            Shown::Given(password) => password,
        };
        let turn = self.first_factors.turn(permit).await;
        let lane = permit.password_lane();
        let charge = |record: &mut _| vault::charge(record, lane, code, self.time.now());
        let Decided { verdict, known } = accounts.change(permit, charge).await?;
        let charge = match verdict {
            Ok(charge) => charge,
            // Nothing counts the tries there, and so nobody judges them.
            Err(Reason::OtherUser) => return Ok(Proved { first: First::Wrong, _turn: Some(turn) }),
            Err(reason) => return Err(Halt::Uncounted(reason, known)),
        };
        let first = match self.first_factors.judge(permit, password, charge.hash()).await {
            Ok(true) => First::Right(charge),
            Ok(false) => First::Wrong,
            Err(unjudged) => {
                // A stack of PAM's that cannot tell may have told a wrong password from a right one all the same.
                if !unjudged.may_have_told() {
                    let take_back = |record: &mut Record| {
                        vault::take_back(record, &charge);
                        Ok(())
                    };
                    accounts.change(permit, take_back).await?;
                }
                return Err(unjudged.into());
            }
        };
        Ok(Proved { first, _turn: Some(turn) })
    }

    /// What came of a step behind a first factor; where it failed, a right password is no failed try all the same.
    pub(super) async fn or_acquit<T>(
        &self,
        accounts: &Accounts,
        permit: &Permit<'_>,
        first: &First,
        came: Result<T, Halt>,
    ) -> Result<T, Halt> {
        if came.is_err() && !matches!(first, First::Wrong) {
            accounts.change(permit, |record| vault::behind(record, first, |_| Ok(()))).await?;
        }
        came
    }

    pub(super) async fn authenticate(
        &self,
        permit: &Permit<'_>,
        shown: Shown,
        code: &Code,
        context: &Context,
    ) -> Result<Outcome, Halt> {
        let accounts = self.accounts().await?;
        let proved = self.first(&accounts, permit, shown, None).await?;
        // As it is after the password was judged, which takes its time.
        let enforced = self.is_enforced(&accounts, permit, permit.believed_service(context)).await;
        let enforced = self.or_acquit(&accounts, permit, &proved.first, enforced).await?;
        let typed = self.typed(permit, code, &context.service);
        let decide = |record: &mut _| vault::authenticate(record, &typed, &proved.first, enforced, self.time.now());
        Ok(Outcome::judged(accounts.change(permit, decide).await, |granted| match granted {
            Authenticated::Accepted(accepted) => Reply::Accepted(accepted),
            Authenticated::MustEnroll => Reply::Refused(Refusal::EnrollmentRequired),
        }))
    }

    pub(super) async fn passwd(
        &self,
        permit: &Permit<'_>,
        shown: Shown,
        code: &Code,
        new: Password,
    ) -> Result<Outcome, Halt> {
        if new.expose().is_empty() {
            return Err(Refusal::Malformed.into());
        }
        let accounts = self.accounts().await?;
        let proved = self.first(&accounts, permit, shown, Some(permit.code_lane())).await?;
        // Also behind a wrong password: it takes as long.
        let hash = self.first_factors.hash(permit, new).await.map_err(Halt::from);
        let hash = self.or_acquit(&accounts, permit, &proved.first, hash).await?;
        let nowhere = Label::default();
        let typed = self.typed(permit, code, &nowhere);
        let decide = |record: &mut _| {
            vault::behind(record, &proved.first, |record| vault::change_password(record, &typed, hash, self.time.now()))
        };
        Ok(Outcome::judged(accounts.change(permit, decide).await, |()| Reply::Done))
    }

    pub(super) async fn set_password(&self, permit: &Permit<'_>, password: Password) -> Result<Outcome, Halt> {
        if password.expose().is_empty() {
            return Err(Refusal::Malformed.into());
        }
        let hash = self.first_factors.hash(permit, password).await?;
        let set = |record: &mut _| {
            vault::set_password(record, hash);
            Ok(())
        };
        Ok(Outcome::judged(self.accounts().await?.change(permit, set).await, |()| Reply::Done))
    }
}
