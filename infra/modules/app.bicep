// The Functions app on Flex Consumption, which is where Azure runs Python 3.13.
param name string
param location string
param tags object
param identityId string
param identityClientId string
param storageName string
param deploymentContainer string
param communicationHost string
param communicationResourceId string
param insightsConnection string
param eventGridKeyUri string
param authClientId string
param authTenantId string
param chosenSettings object
param allowedOrigins array
param alwaysReady int
param httpConcurrency int
param maximumInstances int

@allowed(['Recreate', 'RollingUpdate'])
param siteUpdateStrategy string

var blobs = 'https://${storageName}.blob.${environment().suffixes.storage}'
var issuer = '${environment().authentication.loginEndpoint}${authTenantId}/v2.0'
var tidySchedule = '0 */5 * * * *'
var tables = 'https://${storageName}.table.${environment().suffixes.storage}'

// Settings for the Functions host and Microsoft's credential: the app never reads them.
var platformSettings = {
  APPLICATIONINSIGHTS_CONNECTION_STRING: insightsConnection
  APPLICATIONINSIGHTS_AUTHENTICATION_STRING: 'ClientId=${identityClientId};Authorization=AAD'
  // No plain AzureWebJobsStorage: that would be a connection string with a key.
  AzureWebJobsStorage__blobServiceUri: blobs
  AzureWebJobsStorage__tableServiceUri: tables
  AzureWebJobsStorage__credential: 'managedidentity'
  AzureWebJobsStorage__clientId: identityClientId
  AZURE_CLIENT_ID: identityClientId
  AZURE_TOKEN_CREDENTIALS: 'ManagedIdentityCredential'
  TIDY_SCHEDULE: tidySchedule
}

var ownSettings = {
  COMMUNICATION_ENDPOINT: 'https://${communicationHost}'
  COMMUNICATION_RESOURCE_ID: communicationResourceId
  TABLES_ENDPOINT: tables
  AUTH_ISSUER: issuer
  AUTH_AUDIENCE: authClientId
  CALLBACK_BASE_URL: 'https://${name}.azurewebsites.net'
  EVENT_GRID_KEY: '@Microsoft.KeyVault(SecretUri=${eventGridKeyUri})'
}

var chosen = toObject(filter(items(chosenSettings), entry => !empty(entry.value)), entry => entry.key, entry => entry.value)
var settings = union(platformSettings, ownSettings, chosen)

resource plan 'Microsoft.Web/serverfarms@2024-11-01' = {
  name: 'plan-${name}'
  location: location
  tags: tags
  kind: 'functionapp'
  sku: {
    name: 'FC1'
    tier: 'FlexConsumption'
  }
  properties: {
    reserved: true
  }
}

resource app 'Microsoft.Web/sites@2025-05-01' = {
  name: name
  location: location
  tags: union(tags, { 'azd-service-name': 'api' })
  kind: 'functionapp,linux'
  identity: {
    type: 'UserAssigned'
    userAssignedIdentities: {
      '${identityId}': {}
    }
  }
  properties: {
    serverFarmId: plan.id
    httpsOnly: true
    keyVaultReferenceIdentity: identityId
    clientAffinityEnabled: false
    publicNetworkAccess: 'Enabled'
    functionAppConfig: {
      deployment: {
        storage: {
          type: 'blobContainer'
          value: '${blobs}/${deploymentContainer}'
          authentication: {
            type: 'UserAssignedIdentity'
            userAssignedIdentityResourceId: identityId
          }
        }
      }
      runtime: {
        name: 'python'
        version: '3.13'
      }
      scaleAndConcurrency: {
        instanceMemoryMB: 2048
        maximumInstanceCount: maximumInstances
        alwaysReady: alwaysReady == 0 ? [] : [
          {
            name: 'http'
            instanceCount: alwaysReady
          }
        ]
        triggers: {
          // Python's default is one request at a time, which wastes an app that waits for others.
          http: {
            perInstanceConcurrency: httpConcurrency
          }
        }
      }
      siteUpdateStrategy: {
        type: siteUpdateStrategy
      }
    }
    siteConfig: {
      minTlsVersion: '1.2'
      ftpsState: 'Disabled'
      http20Enabled: true
      cors: {
        allowedOrigins: allowedOrigins
        supportCredentials: false
      }
      appSettings: [for setting in items(settings): {
        name: setting.key
        value: setting.value
      }]
    }
  }
}

// Nobody publishes with a password.
resource passwords 'Microsoft.Web/sites/basicPublishingCredentialsPolicies@2024-11-01' = [
  for door in ['ftp', 'scm']: {
    parent: app
    name: door
    properties: {
      allow: false
    }
  }
]

output issuer string = issuer
output tidySchedule string = tidySchedule
output name string = app.name
output url string = 'https://${app.properties.defaultHostName}'
