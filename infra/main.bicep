// The whole service in one resource group. Nothing here holds a key: the app's identity has roles.
targetScope = 'subscription'

@description('Name of the azd environment: staging is a second one.')
@minLength(1)
@maxLength(60)
param environmentName string

@description('Region of everything but ACS, which is global, and the page. It has to have Flex Consumption.')
param location string

@description('Where ACS keeps its data at rest, such as Europe or United States. It cannot be changed.')
param dataLocation string

@description('Region of the page. Only a few regions have static sites; its files are public.')
param pageLocation string

@description('Who deploys: may create tables. Empty: nobody but the app gets a role.')
param principalId string

@allowed(['User', 'ServicePrincipal', 'Group'])
param principalType string

@description('Client id of the Entra registration, the audience of its tokens.')
param authClientId string

@description('The tenant whose people sign in.')
param authTenantId string

@description('By which Event Grid proves itself; several with commas, while one replaces another.')
@secure()
@minLength(32)
param eventGridKey string

@description('Settings of the app that an operator chooses, by name. An empty one is not set.')
param chosenSettings object

@description('Origins of other pages that may call the app.')
param allowedOrigins array

@description('How many instances wait for requests, which costs even when there are none.')
@minValue(0)
param alwaysReady int

@description('How many requests one instance serves at the same time.')
@minValue(1)
@maxValue(1000)
param httpConcurrency int

@description('The most instances. It is no ceiling for what HTTP may cost.')
@minValue(1)
@maxValue(1000)
param maximumInstances int

@allowed(['Recreate', 'RollingUpdate'])
param siteUpdateStrategy string

@description('GB of logs that are kept of a day, after which the rest of the day is lost; -1: all.')
@minValue(-1)
param logsGigabytes int

@description('Who is told when the month gets dear. Empty: there is no budget.')
param budgetEmail string

@description('In the currency of the subscription, for a month.')
@minValue(1)
param budgetAmount int

@description('First day of the month in which the budget was made: yyyy-MM-01.')
param budgetStart string

var token = uniqueString(subscription().id, environmentName, location)
var tags = {
  'azd-env-name': environmentName
  application: 'trusted-service'
}

resource group 'Microsoft.Resources/resourceGroups@2024-03-01' = {
  name: 'rg-${environmentName}'
  location: location
  tags: tags
}

module identity 'modules/identity.bicep' = {
  name: 'identity'
  scope: group
  params: {
    name: 'id-${token}'
    location: location
    tags: tags
  }
}

module storage 'modules/storage.bicep' = {
  name: 'storage'
  scope: group
  params: {
    name: 'st${token}'
    location: location
    tags: tags
    appPrincipalId: identity.outputs.principalId
    deployerId: principalId
    deployerType: principalType
  }
}

module communication 'modules/communication.bicep' = {
  name: 'communication'
  scope: group
  params: {
    name: 'acs-${token}'
    dataLocation: dataLocation
    tags: tags
    appPrincipalId: identity.outputs.principalId
  }
}

module monitoring 'modules/monitoring.bicep' = {
  name: 'monitoring'
  scope: group
  params: {
    name: 'log-${token}'
    location: location
    tags: tags
    appPrincipalId: identity.outputs.principalId
    gigabytes: logsGigabytes
  }
}

module vault 'modules/vault.bicep' = {
  name: 'vault'
  scope: group
  params: {
    name: 'kv-${token}'
    location: location
    tags: tags
    appPrincipalId: identity.outputs.principalId
    eventGridKey: eventGridKey
  }
}

module page 'modules/page.bicep' = {
  name: 'page'
  scope: group
  params: {
    name: 'page-${token}'
    location: pageLocation
    tags: tags
  }
}

module app 'modules/app.bicep' = {
  name: 'app'
  scope: group
  params: {
    name: 'func-${token}'
    location: location
    tags: tags
    identityId: identity.outputs.id
    identityClientId: identity.outputs.clientId
    storageName: storage.outputs.name
    deploymentContainer: storage.outputs.deploymentContainer
    communicationHost: communication.outputs.host
    communicationResourceId: communication.outputs.immutableId
    insightsConnection: monitoring.outputs.connection
    eventGridKeyUri: vault.outputs.eventGridKeyUri
    authClientId: authClientId
    authTenantId: authTenantId
    chosenSettings: chosenSettings
    allowedOrigins: union([page.outputs.origin], allowedOrigins)
    alwaysReady: alwaysReady
    httpConcurrency: httpConcurrency
    maximumInstances: maximumInstances
    siteUpdateStrategy: siteUpdateStrategy
  }
}

module budget 'modules/budget.bicep' = if (!empty(budgetEmail)) {
  name: 'budget'
  scope: group
  params: {
    name: 'budget-${token}'
    amount: budgetAmount
    email: budgetEmail
    start: budgetStart
  }
}

// azd keeps these for the hooks and the operator. None is secret.
output AZURE_RESOURCE_GROUP string = group.name
output APP_NAME string = app.outputs.name
output APP_URL string = app.outputs.url
output PAGE_URL string = page.outputs.origin
// Values for the build of the page.
output PAGE_API string = '${app.outputs.url}/api'
output PAGE_CALLING string = 'acs'
output PAGE_CLIENT_ID string = authClientId
output PAGE_ISSUER string = app.outputs.issuer
output PAGE_SCOPE string = 'openid profile offline_access api://${authClientId}/access_as_user'
// Values for the doctor and the other commands on the operator's machine.
output AUTH_ISSUER string = app.outputs.issuer
output AUTH_AUDIENCE string = authClientId
output CALLBACK_BASE_URL string = app.outputs.url
output TIDY_SCHEDULE string = app.outputs.tidySchedule
output TABLES_ENDPOINT string = storage.outputs.tablesEndpoint
output COMMUNICATION_ARM_ID string = communication.outputs.id
output COMMUNICATION_ENDPOINT string = 'https://${communication.outputs.host}'
output COMMUNICATION_RESOURCE_ID string = communication.outputs.immutableId
output IDENTITY_PRINCIPAL_ID string = identity.outputs.principalId
output IDENTITY_CLIENT_ID string = identity.outputs.clientId
