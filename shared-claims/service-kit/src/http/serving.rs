//! The future of one request. Runs the handler with a deadline and completes its response.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use actix_web::Error;
use actix_web::HttpResponse;
use actix_web::ResponseError;
use actix_web::body::BoxBody;
use actix_web::dev::ServiceResponse;
use actix_web::error::InternalError;
use futures_util::future::LocalBoxFuture;
use pin_project_lite::pin_project;
use tokio::time::Sleep;

use super::HttpError;
use super::pieces::in_pieces;
use super::visit::Visit;

pin_project! {
    /// The future that [`FrontService`](super::front::FrontService) returns for a request.
    pub struct Serving<F> {
        visit: Visit,
        #[pin]
        step: Step<F>,
    }
}

pin_project! {
    #[project = StepNow]
    enum Step<F> {
        /// The handler runs. The timer for the deadline is created when the handler first waits, because many handlers
        /// never do.
        Running { #[pin] rest: F, #[pin] deadline: Option<Sleep> },
        /// The handler is done. The check whether its resource knows the requesting origin may still run.
        Answered { answer: Option<Answer>, asking: Option<LocalBoxFuture<'static, bool>> },
    }
}

/// The handler's result. After a panic and after the deadline there is no request any more, only a response.
enum Answer {
    Whole(ServiceResponse<BoxBody>),
    Alone { response: HttpResponse, cause: String },
}

impl Answer {
    fn alone(error: &dyn ResponseError) -> Self {
        Self::Alone { response: error.error_response(), cause: error.to_string() }
    }
}

impl<F> Serving<F> {
    pub(super) fn new(visit: Visit, rest: F) -> Self {
        Self { visit, step: Step::Running { rest, deadline: None } }
    }

    pub(super) fn answered(visit: Visit, response: ServiceResponse<BoxBody>) -> Self {
        Self::with(visit, Answer::Whole(response))
    }

    pub(super) fn panicked(visit: Visit) -> Self {
        // The panic hook has already logged the panic.
        Self::with(visit, Answer::alone(&HttpError::internal("panic")))
    }

    fn with(visit: Visit, answer: Answer) -> Self {
        let asking = visit.origin_question();
        Self { visit, step: Step::Answered { answer: Some(answer), asking } }
    }
}

impl<F> Future for Serving<F>
where
    F: Future<Output = Result<ServiceResponse<BoxBody>, Error>>,
{
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        loop {
            match this.step.as_mut().project() {
                StepNow::Running { rest, deadline } => {
                    let answer = ready!(poll_rest(this.visit, rest, deadline, context));
                    let asking = this.visit.origin_question();
                    this.step.set(Step::Answered { answer: Some(answer), asking });
                }
                StepNow::Answered { answer, asking } => {
                    let is_known = match asking {
                        Some(asking) => ready!(asking.as_mut().poll(context)),
                        None => false,
                    };
                    let Some(answer) = answer.take() else { return Poll::Pending };
                    return Poll::Ready(finish(this.visit, answer, is_known));
                }
            }
        }
    }
}

/// Polls the handler and turns a panic into a response; actix-web itself would close the connection. The deadline is
/// the last of many time limits: it ends what no other limit covers.
fn poll_rest<F>(
    visit: &Visit,
    rest: Pin<&mut F>,
    mut deadline: Pin<&mut Option<Sleep>>,
    context: &mut Context<'_>,
) -> Poll<Answer>
where
    F: Future<Output = Result<ServiceResponse<BoxBody>, Error>>,
{
    let polled = visit.logging(|| catch_unwind(AssertUnwindSafe(|| rest.poll(context))));
    match polled {
        Ok(Poll::Ready(Ok(response))) => return Poll::Ready(Answer::Whole(response)),
        Ok(Poll::Ready(Err(error))) => return Poll::Ready(Answer::alone(error.as_response_error())),
        Err(_panic) => return Poll::Ready(Answer::alone(&HttpError::internal("panic"))),
        Ok(Poll::Pending) => {}
    }
    if deadline.is_none() {
        deadline.set(Some(tokio::time::sleep_until(visit.deadline())));
    }
    let Some(deadline) = deadline.as_pin_mut() else { return Poll::Pending };
    deadline
        .poll(context)
        .map(|()| Answer::alone(&HttpError::unavailable(1).with_cause("the request's deadline passed")))
}

fn finish(visit: &mut Visit, answer: Answer, is_known: bool) -> Result<ServiceResponse<BoxBody>, Error> {
    match answer {
        Answer::Whole(response) => {
            let cause = response.response().error().map(ToString::to_string);
            let (request, response) = response.into_parts();
            let response = visit.end(Some(&request), response, is_known, cause.as_deref());
            Ok(ServiceResponse::new(request, response.map_body(|_, body| in_pieces(body))))
        }
        Answer::Alone { response, cause } => {
            let response = visit.end(None, response, is_known, Some(&cause));
            Err(InternalError::from_response("", response).into())
        }
    }
}
