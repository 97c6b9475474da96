// Swagger UI, over the description that the same service serves. What people type into "Authorize"
// stays in the memory of the page.
window.SwaggerUIBundle({
  url: "/api/openapi.json",
  dom_id: "#description",
  deepLinking: true,
  docExpansion: "list",
  defaultModelsExpandDepth: 0,
  tryItOutEnabled: true,
  validatorUrl: null, // else the description would be sent to a service on the Internet
});
