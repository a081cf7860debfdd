//! Names of events: those of the specification that Tributary reads, and its
//! own where the specification has none.
//!
//! | event | properties |
//! |---|---|
//! | `Survey Responded` | `survey_id, response_id, metric` (nps, csat, ces or custom), `score, scale_min, scale_max, comment, sent_at, channel` |
//! | `Email Delivered`, `Email Opened`, `Email Link Clicked`, `Email Bounced`, `Email Marked as Spam`, `Unsubscribed` | `email_id, email_subject, campaign_id, campaign_name`, `link_url`, `reason` |
//! | `Email Processed`, `Email Dropped`, `Email Deferred` | as above; the specification has no such events |
//! | `Order Completed` | `order_id, revenue, currency, products` |
//! | `Product Reviewed` | `product_id, review_id, review_body, rating` |

/// An answer to a survey.
pub const SURVEY_RESPONDED: &str = "Survey Responded";
/// An order was paid.
pub const ORDER_COMPLETED: &str = "Order Completed";
/// A product was reviewed.
pub const PRODUCT_REVIEWED: &str = "Product Reviewed";
/// An email reached the receiving server.
pub const EMAIL_DELIVERED: &str = "Email Delivered";
/// An email was opened.
pub const EMAIL_OPENED: &str = "Email Opened";
/// A link in an email was clicked.
pub const EMAIL_LINK_CLICKED: &str = "Email Link Clicked";
/// An email was returned.
pub const EMAIL_BOUNCED: &str = "Email Bounced";
/// An email was reported as spam.
pub const EMAIL_MARKED_AS_SPAM: &str = "Email Marked as Spam";
/// A person left a list.
pub const UNSUBSCRIBED: &str = "Unsubscribed";
/// An email was taken for sending.
pub const EMAIL_PROCESSED: &str = "Email Processed";
/// An email was not sent.
pub const EMAIL_DROPPED: &str = "Email Dropped";
/// An email was put off by the receiving server.
pub const EMAIL_DEFERRED: &str = "Email Deferred";
