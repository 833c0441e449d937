// Lives a session with the unmodified crate `ksef`, and prints what it made of the answers, a line each.
//
//   ksef-rust-client NIP TOKEN
//
// The crate knows no other address than KSeF's: HTTPS_PROXY and SSL_CERT_FILE lead it to the mock.
use ksef::error::ErrorResponse;

async fn live(nip: String, ksef_token: String) -> Result<(), ErrorResponse> {
    let client = ksef::Client::new(ksef::Environment::Test, 50);
    let tokens = client.get_access_tokens(&ksef::CompanyInfo { ksef_token, nip }).await?;
    let refreshed = client.refresh_access_token(&tokens.refresh_token.token).await?;
    println!("refreshed {}", refreshed.valid_until > tokens.access_token.valid_until);

    let access = refreshed.token;
    let encryption = client.get_encryption_data().await.expect("a key for symmetric keys");
    let opened = client
        .open_online_session(&encryption, &access, &ksef::invoice::SystemCode::FA3)
        .await?;
    client.close_online_session(&opened.reference_number, &access).await?;
    let sessions = client.get_sessions(ksef::session::SessionType::Online, &access, 10, &None).await?;
    println!("sessions {}", sessions.sessions.len());
    println!("same {}", sessions.sessions[0].reference_number == opened.reference_number);

    let refused = client.refresh_access_token(&access).await;
    println!("refused {}", refused.is_err());
    Ok(())
}

#[tokio::main]
async fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    if let Err(error) = live(arguments[1].clone(), arguments[2].clone()).await {
        eprintln!("{}: {}", error.code, error.message);
        std::process::exit(1);
    }
}
